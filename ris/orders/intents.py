"""Intents: what an edge has read about an order or an exam, in plain values.

An empty value means "not said": a new order then gets a default, a revision leaves the value as it is.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
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
    protocols: tuple[Code, ...] = ()
    """All protocol codes where there are several; the first is ``protocol``."""
    performing_physician: str = ""

    def all_protocols(self) -> tuple[Code, ...]:
        """Every protocol code, the first of which is ``protocol``."""
        return self.protocols or ((self.protocol,) if self.protocol else ())


@dataclass(frozen=True, kw_only=True)
class ProcedureIntent:
    """A Requested Procedure. No steps: one step is made."""

    code: Code
    alternates: tuple[Code, ...] = ()
    """The same procedure in other coding systems (OBR-4.4–6, OBR-44), looked up where ``code`` is not known."""
    number: str = ""
    study_uid: str = ""
    modality: str = ""
    modality_guess: str = ""
    """Read from a text; counts, flagged, where nothing else tells the modality."""
    laterality: str = ""
    steps: tuple[StepIntent, ...] = ()


@dataclass(frozen=True)
class Entity:
    """An entity identifier as a sender wrote it (HL7 EI): what it is sent back as."""

    number: str
    namespace: str = ""
    universal_id: str = ""
    universal_id_type: str = ""

    def as_list(self) -> list[str]:
        """The four components, for a JSON column."""
        return [self.number, self.namespace, self.universal_id, self.universal_id_type]


@dataclass(frozen=True)
class PersonNumber:
    """A number of a person as it came (HL7 XCN): .1, the authority of .9 in three parts, the type of .13."""

    number: str
    namespace: str = ""
    universal_id: str = ""
    universal_id_type: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Person:
    """A person as a message names them: ``FAMILY^GIVEN``, and every number that came with that name."""

    name: str = ""
    numbers: tuple[PersonNumber, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """One DG1: a coded diagnosis and its type (table 0052: A admitting, W working, F final)."""

    code: str
    text: str = ""
    system: str = ""
    type: str = ""


@dataclass(frozen=True)
class Observation:
    """One OBX that came with an order, such as the body weight."""

    code: str
    text: str
    system: str
    value: str
    units: str = ""


@dataclass(frozen=True)
class Recipient:
    """Somebody who gets a copy of the report (OBR-28). ``name`` is ``FAMILY^GIVEN``; ``kind`` the number's type."""

    number: str
    name: str = ""
    authority: str = ""
    kind: str = ""

    def as_list(self) -> list[str]:
        """The cells of a JSON column; a type that was not said is left out."""
        return [self.number, self.name, self.authority, *filter(None, [self.kind])]


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
    placer_generation: int = 1
    """Which order of this number it is: one may be ordered anew once it is cancelled."""
    filler_number: str = ""
    sender_filler_number: str = ""
    placer_entity: Entity | None = None
    filler_entity: Entity | None = None
    group_entity: Entity | None = None
    priority: str = ""
    ordering_provider: str = ""
    ordering_provider_id: str = ""
    ordering_provider_authority: str = ""
    referrer_entity: Person | None = None
    reason: str = ""
    clinical_info: str = ""
    comments: str = ""
    transport: str = ""
    patient_state: str = ""
    reason_codes: tuple[Code, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    observations: tuple[Observation, ...] = ()
    weight_kg: float | None = None
    height_m: float | None = None
    call_back_phone: str = ""
    copies_to: tuple[Recipient, ...] = ()
    patient_class: str = ""
    patient_location: str = ""
    referring_provider: str = ""
    pregnant: bool | None = None
    placed_at: datetime | None = None

    def content(self) -> dict[str, Any]:
        """The fields of Order that a revision may write, as far as they were said; what is a dataclass as a list."""
        values = {name: getattr(self, name) for name in _CONTENT}
        return {name: _plain(value) for name, value in values.items() if value not in ("", None, ())}


def _plain(value: Any) -> Any:
    """A value for a column: dataclasses become lists of their fields."""
    if isinstance(value, tuple):
        return [part.as_list() if isinstance(part, Recipient) else list(astuple(part)) for part in value]
    if isinstance(value, Person):
        return [value.name, [list(astuple(number)) for number in value.numbers]]
    return value.as_list() if isinstance(value, Entity) else value


# What a later message may change. Placer and accession number stand once they are given.
_CONTENT = (
    "visit_id",
    "priority",
    "ordering_provider",
    "ordering_provider_id",
    "ordering_provider_authority",
    "referrer_entity",
    "reason",
    "clinical_info",
    "comments",
    "transport",
    "patient_state",
    "filler_number",
    "sender_filler_number",
    "placer_entity",
    "filler_entity",
    "group_entity",
    "reason_codes",
    "diagnoses",
    "observations",
    "weight_kg",
    "height_m",
    "call_back_phone",
    "copies_to",
    "patient_class",
    "patient_location",
    "referring_provider",
    "pregnant",
)


@dataclass(frozen=True, kw_only=True)
class PerformedIntent:
    """An exam that a device, or a technologist by hand, has begun.

    ``step_ids`` are primary keys of scheduled steps, empty for an unscheduled exam. ``step_studies``: the Study
    Instance UID that the device named with each of them, where it named one. An empty ``mpps_uid`` gets one issued.
    ``protocols``: performed protocol codes (0040,0260). ``by_hand``: a person or another system says so, not the
    device.
    """

    started_at: datetime
    mpps_uid: str = ""
    step_ids: tuple[int, ...] = ()
    step_studies: tuple[tuple[int, str], ...] = ()
    study_uid: str = ""
    protocols: tuple[Code, ...] = ()
    accession: str = ""
    station_ae: str = ""
    modality: str = ""
    number: str = ""
    by_hand: bool = False
