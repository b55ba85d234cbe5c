"""What happens to patients. ``stream`` is ``patient:<id>`` of the one who remains."""

from __future__ import annotations

from dataclasses import dataclass

from ris.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class PatientRevised(Event):
    """Demographics, alerts or identifiers changed. Read them again."""

    patient_id: int


@dataclass(frozen=True, kw_only=True)
class PatientsMerged(Event):
    """``retired_id`` lives on as ``patient_id``; identifiers and visits have moved, orders follow."""

    patient_id: int
    retired_id: int
