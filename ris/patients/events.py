"""What happens to patients. ``stream`` is ``patient:<id>`` of the one who remains."""

from __future__ import annotations

from dataclasses import dataclass

from ris.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class PatientRevised(Event):
    """Demographics, alerts or identifiers changed. Read them again."""

    patient_id: int


@dataclass(frozen=True, kw_only=True)
class VisitRevised(Event):
    """A visit that orders may belong to changed its class or state, or a discharge is pending or no longer."""

    patient_id: int
    visit_id: int


@dataclass(frozen=True, kw_only=True)
class VisitMoved(Event):
    """A visit turned out to be another patient's: ``patient_id``. Its orders follow in the same transaction."""

    patient_id: int
    visit_id: int


@dataclass(frozen=True, kw_only=True)
class VisitsMerged(Event):
    """Two visits turned out to be one, ``visit_id``. The orders of ``former_id`` follow in the same transaction."""

    patient_id: int
    visit_id: int
    former_id: int


@dataclass(frozen=True, kw_only=True)
class PatientsEvent(Event):
    """Of two records. ``patient_id`` is the one who remains, or remained."""

    patient_id: int


@dataclass(frozen=True, kw_only=True)
class PatientsMerged(PatientsEvent):
    """``retired_id`` lives on as ``patient_id``; identifiers and visits have moved, orders follow."""

    retired_id: int
    merge_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class PatientsSeparated(PatientsEvent):
    """A merge was undone: ``restored_id`` lives again. Identifiers and visits went back, orders follow."""

    restored_id: int
    merge_id: int


@dataclass(frozen=True, kw_only=True)
class IdentityDecided(Event):
    """A person said whether somebody described under a patient's number is that patient.

    ``message_id``: the message that was held for it, if any.
    """

    patient_id: int
    question_id: int
    same: bool
    message_id: int | None = None
