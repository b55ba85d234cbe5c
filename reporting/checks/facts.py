"""Facts that a report is compared with: what was ordered, who is examined, what was done. Each may be missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class PriorExam:
    """An earlier exam of the patient."""

    day: date | None = None
    modality: str = ""
    description: str = ""
    accession: str = ""


@dataclass(frozen=True, slots=True)
class Communication:
    """That somebody was told of a critical finding."""

    receiver: str = ""
    at: str = ""
    finding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known beside the text. ``None`` and empty: not known, and then no check speaks of it.

    ``laterality`` L, R, B or empty. ``sex`` F, M or empty (anything else). ``organs``: on record, whatever the sex.
    ``patient_id``: all numbers of the patient, with blanks between. ``priors``: None where the archive was not asked;
    empty where there is none. ``template_sections``: None where the report has no template.
    """

    procedure: str = ""
    modality: str = ""
    laterality: str = ""
    sex: str = ""
    gender_identity: str = ""
    organs: tuple[str, ...] = ()
    age: float | None = None
    exam_date: date | None = None
    contrast_ordered: bool | None = None
    contrast_given: bool | None = None
    priors: tuple[PriorExam, ...] | None = None
    patient_name: str = ""
    patient_id: str = ""
    communications: tuple[Communication, ...] = ()
    template_sections: tuple[str, ...] | None = None


def side_of_procedure(procedure: str) -> str:
    """L or R where the name of a procedure says it, as ``MRI knee left``; B, or empty."""
    words = set(re.findall(r"[a-zäöü]+", procedure.lower()))
    if words & {"bilateral", "both", "beidseits", "bds"}:
        return "B"
    sides = {"L"} if words & {"left", "links", "lt", "li"} else set()
    sides |= {"R"} if words & {"right", "rechts", "rt", "re"} else set()
    return sides.pop() if len(sides) == 1 else ("B" if sides else "")
