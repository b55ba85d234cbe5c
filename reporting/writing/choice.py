"""Which template fits an exam best, and why. Pure functions.

Procedure › modality with region or contrast › modality › site or everybody; among equals sex, age band, the reader's
own, the one used last for this procedure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Conditions(Protocol):
    """For which exams a template is: the columns of ``ReportTemplate``."""

    pk: int
    procedure_id: int | None
    modality: str
    region: str
    contrast: str
    site_id: int | None
    sex: str
    age_from: int | None
    age_to: int | None
    owner_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """What decides. ``age`` in years at the exam, None: not known. ``used_at``: template → when it was used last."""

    procedure_id: int | None
    procedure: str
    modality: str
    region: str
    contrast: str
    site_id: int
    sex: str
    age: float | None
    reader_id: int
    used_at: Mapping[int, datetime]


@dataclass(frozen=True, slots=True)
class Choice:
    """A template that fits, and the words that say why."""

    template_id: int
    reason: str


def contrast_of(procedure: str) -> str:
    """``with`` or ``without`` where the name of a procedure says it; empty where it says neither, or both."""
    without = re.search(r"\b(without|w/?o|wo|nativ|ohne)\b", procedure, re.IGNORECASE)
    both = re.search(r"\bwithout and with\b|\bwith and without\b|\bw/? ?(and|&) ?w/?o\b", procedure, re.IGNORECASE)
    with_ = re.search(r"\b(with|w/|mit)\b ?.{0,8}(contrast|KM|Kontrast)", procedure, re.IGNORECASE)
    if both:
        return ""
    return "without" if without else ("with" if with_ else "")


def rank_templates(templates: Iterable[Conditions], exam: Exam) -> list[Choice]:
    """Those that fit, the best first."""
    fitting = [(template, *_standing(template, exam)) for template in templates if _fits(template, exam)]
    fitting.sort(key=lambda entry: (entry[1], -entry[0].pk), reverse=True)
    return [Choice(template.pk, reason) for template, _, reason in fitting]


def _fits(template: Conditions, exam: Exam) -> bool:
    wanted = (
        (template.procedure_id, exam.procedure_id),
        (template.modality.upper(), exam.modality.upper()),
        (template.region.upper(), exam.region.upper()),
        (template.contrast, exam.contrast),
        (template.site_id, exam.site_id),
        (template.sex, exam.sex),
        (template.owner_id, exam.reader_id),
    )
    if any(condition and condition != fact for condition, fact in wanted):
        return False
    if template.age_from is None and template.age_to is None:
        return True
    if exam.age is None:
        return False
    return (template.age_from or 0) <= exam.age < (template.age_to if template.age_to is not None else 999)


def _standing(template: Conditions, exam: Exam) -> tuple[tuple[object, ...], str]:
    used_at = exam.used_at.get(template.pk)
    narrow = bool(template.region) + bool(template.contrast)
    level = 3 if template.procedure_id else (2 if template.modality and narrow else (1 if template.modality else 0))
    aged = template.age_from is not None or template.age_to is not None
    key = (level, narrow, bool(template.site_id), bool(template.sex), aged, bool(template.owner_id),
           used_at.timestamp() if used_at else 0.0)  # fmt: skip
    what = " ".join(filter(None, [template.modality, template.region.lower(),
                                  f"{template.contrast} contrast" if template.contrast else ""]))  # fmt: skip
    words = [f"for {exam.procedure}" if template.procedure_id else (f"for {what}" if what else "for every exam")]
    words += ["of this site"] if template.site_id else []
    words += [{"F": "of women", "M": "of men"}[template.sex]] if template.sex else []
    if aged:
        ends = [
            f"from {template.age_from}" if template.age_from else "",
            f"under {template.age_to}" if template.age_to else "",
        ]
        words.append(f"{' '.join(filter(None, ends))} years")
    words += ["yours"] if template.owner_id else []
    words += ["used last for this exam"] if used_at and used_at == max(exam.used_at.values()) else []
    return key, ", ".join(words)
