"""What a scanner may ask of the modality worklist (PS3.4 table K.6-1), in plain values."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, time

from .. import states

MAX_ROWS = 2000
"""Nobody reads a longer list on a scanner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MwlQuestion:
    """What is asked for. An empty value asks nothing; several values of one key mean any of them.

    Texts may hold ``*`` and ``?`` where DICOM allows wildcards. Moments are aware; ``start_from`` and
    ``start_until`` are both inclusive. ``time_from``/``time_until`` are a time of day at the step's site,
    asked without a date. ``not_before``: an earlier step that nobody performed has left the list.
    """

    states: tuple[str, ...] = tuple(sorted(states.WAITING))
    not_before: datetime | None = None
    site_id: int | None = None
    stations: tuple[str, ...] = ()
    station_names: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    start_from: datetime | None = None
    start_until: datetime | None = None
    time_from: time | None = None
    time_until: time | None = None
    step_numbers: tuple[str, ...] = ()
    procedure_numbers: tuple[str, ...] = ()
    procedure_codes: tuple[str, ...] = ()
    protocol_codes: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    study_uids: tuple[str, ...] = ()
    accessions: tuple[str, ...] = ()
    placer_numbers: tuple[str, ...] = ()
    filler_numbers: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    patient_ids: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    patient_names: tuple[str, ...] = ()
    birth_dates: tuple[str, ...] = ()
    sexes: tuple[str, ...] = ()
    admission_ids: tuple[str, ...] = ()
    performing_physicians: tuple[str, ...] = ()
    requesting_physicians: tuple[str, ...] = ()
    referring_physicians: tuple[str, ...] = ()
    limit: int = MAX_ROWS


def list_asked_keys(question: MwlQuestion) -> list[str]:
    """The names of the fields that ask something."""
    plain = replace(MwlQuestion(), limit=question.limit)
    return [f.name for f in fields(question) if getattr(question, f.name) != getattr(plain, f.name)]
