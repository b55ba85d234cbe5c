"""What an edge has read about an order or an exam, in plain values.

An empty value means "not said": a new order then gets a default, a revision leaves
what stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Code:
    """A coded value (HL7 CE, DICOM code sequence item)."""

    value: str
    text: str = ""
    system: str = ""


@dataclass(frozen=True, kw_only=True)
class StepIntent:
    """A Scheduled Procedure Step as it was sent. ``start`` is aware; ``minutes`` the planned room time."""

    number: str = ""
    modality: str = ""
    station_aes: tuple[str, ...] = ()
    station_names: tuple[str, ...] = ()
    location: str = ""
    start: datetime | None = None
    minutes: int | None = None
    description: str = ""
    protocol: Code | None = None
    performing_physician: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcedureIntent:
    """A Requested Procedure. No steps: one step is made."""

    code: Code
    number: str = ""
    study_uid: str = ""
    modality: str = ""
    laterality: str = ""
    steps: tuple[StepIntent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OrderIntent:
    """One placer order with its procedures. ``source`` names the peer, or ``desk``."""

    site_id: int
    patient_id: int
    source: str
    procedures: tuple[ProcedureIntent, ...]
    visit_id: int | None = None
    accession: str = ""
    placer_number: str = ""
    placer_authority: str = ""
    filler_number: str = ""
    priority: str = ""
    ordering_provider: str = ""
    ordering_provider_id: str = ""
    reason: str = ""
    clinical_info: str = ""
    comments: str = ""
    transport: str = ""
    patient_state: str = ""
    placed_at: datetime | None = None

    def content(self) -> dict[str, Any]:
        """The fields of Order that a revision may write, as far as they were said."""
        said = {name: getattr(self, name) for name in _CONTENT}
        return {name: value for name, value in said.items() if value not in ("", None)}


_CONTENT = (
    "visit_id",
    "priority",
    "ordering_provider",
    "ordering_provider_id",
    "reason",
    "clinical_info",
    "comments",
    "transport",
    "patient_state",
    "filler_number",
)


@dataclass(frozen=True, kw_only=True)
class PerformedIntent:
    """An exam that a device, or a technologist by hand, has begun.

    ``step_ids`` are primary keys of scheduled steps, empty for an unscheduled exam. An empty
    ``mpps_uid`` gets one issued. ``by_hand``: a person or another system says so, not the device.
    """

    started_at: datetime
    mpps_uid: str = ""
    step_ids: tuple[int, ...] = ()
    study_uid: str = ""
    accession: str = ""
    station_ae: str = ""
    modality: str = ""
    number: str = ""
    by_hand: bool = False
