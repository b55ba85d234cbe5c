"""One line of the modality worklist: the columns that are fetched, how a row is read and told from its earlier self."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Row = tuple[Any, ...]
"""As the driver returns it. Hashable; equal exactly when all that it says is equal."""


class Listed(NamedTuple):
    """One line of an answer: equal keys mean equal rows. The row is left out where its key was known."""

    key: Row
    row: Row | None


_FIELDS: dict[str, str] = {
    "step_id": "s.id",
    "step_number": "s.number",
    "modality": "s.modality",
    "station_aes": "s.station_aes",
    "station_names": "s.station_names",
    "location": "s.location",
    "start": "s.start",
    "minutes": "s.minutes",
    "step_description": "s.description",
    "protocol_code": "s.protocol_code",
    "protocol_system": "s.protocol_system",
    "protocol_text": "s.protocol_text",
    "protocol_codes": "s.protocol_codes",
    "performing_physician": "s.performing_physician",
    "state": "s.state",
    "procedure_id": "rp.id",
    "procedure_number": "rp.number",
    "study_uid": "rp.study_uid",
    "code": "rp.code",
    "code_text": "rp.code_text",
    "coding_system": "rp.coding_system",
    "order_id": "o.id",
    "accession": "o.accession",
    "placer_number": "o.placer_number",
    "filler_number": "o.filler_number",
    "priority": "o.priority",
    "ordering_provider": "o.ordering_provider",
    "reason": "o.reason",
    "clinical_info": "o.clinical_info",
    "comments": "o.comments",
    "reason_codes": "o.reason_codes",
    "diagnoses": "o.diagnoses",
    "copies_to": "o.copies_to",
    "call_back_phone": "o.call_back_phone",
    "weight_kg": "o.weight_kg",
    "height_m": "o.height_m",
    "transport": "o.transport",
    "patient_state": "o.patient_state",
    "patient_id": "p.id",
    "family_name": "p.family_name",
    "given_name": "p.given_name",
    "middle_name": "p.middle_name",
    "prefix": "p.prefix",
    "suffix": "p.suffix",
    "ideographic_name": "p.ideographic_name",
    "phonetic_name": "p.phonetic_name",
    "birth_date": "p.birth_date",
    "sex": "p.sex",
    "address": "p.address",
    "phone": "p.phone",
    "allergies": "p.allergies",
    "alerts": "p.alerts",
    "identifier": "pid.value",
    "issuer": "pid.authority",
    "visit_number": "v.number",
    # What PV1 said, of the visit; of the order itself where PV1 had no visit number.
    "patient_class": "COALESCE(NULLIF(v.patient_class, ''), o.patient_class)",
    "visit_location": "COALESCE(NULLIF(v.location, ''), o.patient_location)",
    "referring": "COALESCE(NULLIF(v.referring, ''), o.referring_provider)",
    "pregnant": "(v.pregnant OR o.pregnant)",
    "institution": "site.name",
    "time_zone": "site.time_zone",
}


_OTHER_IDS = {
    "sqlite": "(SELECT json_group_array(json_array(i.value, i.authority, i.kind))"
    " FROM patients_identifier i WHERE i.patient_id = p.id)",
    "postgresql": "(SELECT jsonb_agg(jsonb_build_array(i.value, i.authority, i.kind) ORDER BY i.id)::text"
    " FROM patients_identifier i WHERE i.patient_id = p.id)",
}

_JOINS = (
    "orders_scheduledstep s"
    " JOIN orders_requestedprocedure rp ON rp.id = s.procedure_id"
    " JOIN orders_order o ON o.id = rp.order_id"
    " JOIN patients_patient p ON p.id = o.patient_id"
    " JOIN catalog_site site ON site.id = o.site_id"
    " LEFT JOIN patients_visit v ON v.id = o.visit_id"
)
# Of several identifiers: one that was not given up in a merge, issued by the site, a medical record number,
# the oldest. Both ways leave the planner no choice but to look the few rows up one by one; SQLite sorts
# nothing where the first of the questions is answered.
_OF_PATIENT = "SELECT i.id FROM patients_identifier i WHERE i.patient_id = p.id"
_OWN = "AND NOT i.retired AND i.authority = site.assigning_authority"
_SPEAKS = {
    "sqlite": " LEFT JOIN patients_identifier pid ON pid.id = COALESCE("
    f"({_OF_PATIENT} {_OWN} AND i.kind = 'MR' LIMIT 1), ({_OF_PATIENT} {_OWN} LIMIT 1),"
    f" ({_OF_PATIENT} AND NOT i.retired AND i.kind = 'MR' LIMIT 1), ({_OF_PATIENT} ORDER BY i.retired, i.id LIMIT 1))",
    "postgresql": " LEFT JOIN LATERAL (SELECT i.id, i.xmin AS version, i.value, i.authority FROM patients_identifier i"
    " WHERE i.patient_id = p.id"
    " ORDER BY i.retired, i.authority <> site.assigning_authority, i.kind <> 'MR', i.id LIMIT 1) pid ON TRUE",
}

_VERSIONS = {
    # Which row, and which transaction wrote it as it is: of a row that is visible there is one version, whose writer's
    # number stays with it. The number of the next row follows from the version of the one that refers to it.
    "postgresql": ["s.id", "s.xmin", "rp.xmin", "o.xmin", "p.xmin", "site.xmin", "v.xmin", "pid.id", "pid.version"],
}


def from_clause(vendor: str) -> str:
    """What to select from, and under which short names."""
    return _JOINS + _SPEAKS[vendor]


def row_columns(vendor: str, *, other_ids: bool) -> list[str]:
    """What to select, in the order of :class:`Entry`."""
    return [*_FIELDS.values(), _OTHER_IDS[vendor] if other_ids else "NULL"]


def version_columns(vendor: str, *, other_ids: bool) -> list[str]:
    """What to select to tell a row from all its earlier and later selves; empty: the row itself is all there is.

    To be compared within one era of the database only (:func:`ris.kernel.db.prepared.era`).
    """
    columns = _VERSIONS.get(vendor, [])
    return [*columns, _OTHER_IDS[vendor]] if columns and other_ids else columns


class Entry(NamedTuple):
    """A row as it is read. Names of people are ``FAMILY^GIVEN…``; empty means not known."""

    step_id: int
    step_number: str
    modality: str
    station_aes: list[str]
    station_names: list[str]
    location: str
    start: datetime
    minutes: int
    step_description: str
    protocol_code: str
    protocol_system: str
    protocol_text: str
    protocol_codes: list[list[str]]
    performing_physician: str
    state: str
    procedure_id: int
    procedure_number: str
    study_uid: str
    code: str
    code_text: str
    coding_system: str
    order_id: int
    accession: str
    placer_number: str
    filler_number: str
    priority: str
    ordering_provider: str
    reason: str
    clinical_info: str
    comments: str
    reason_codes: list[list[str]]
    diagnoses: list[list[str]]
    copies_to: list[list[str]]
    call_back_phone: str
    weight_kg: float | str
    height_m: float | str
    transport: str
    patient_state: str
    patient_id: int
    family_name: str
    given_name: str
    middle_name: str
    prefix: str
    suffix: str
    ideographic_name: str
    phonetic_name: str
    birth_date: date | None
    sex: str
    address: str
    phone: str
    allergies: list[str]
    alerts: list[str]
    identifier: str
    issuer: str
    visit_number: str
    patient_class: str
    visit_location: str
    referring: str
    pregnant: bool
    institution: str
    time_zone: str
    identifiers: list[list[str]]

    @property
    def local_start(self) -> datetime:
        """The start by the clock of the site."""
        return self.start.astimezone(ZoneInfo(self.time_zone))

    @property
    def step_text(self) -> str:
        """What the step is called: its own description, else its protocol (OBR-4.5, IPC-6.2), else its procedure."""
        own = self.step_description
        return self.protocol_text or own if own in ("", self.code_text, self.code) else own

    @property
    def protocols(self) -> list[list[str]]:
        """Each protocol as [code, text, system]."""
        first = [self.protocol_code, self.protocol_text, self.protocol_system]
        return self.protocol_codes or ([first] if self.protocol_code else [])

    @property
    def patient_name(self) -> str:
        """As a DICOM Person Name (PS3.5 6.2.1): up to three component groups."""
        parts = [self.family_name, self.given_name, self.middle_name, self.prefix, self.suffix]
        groups = ["^".join(parts).rstrip("^"), self.ideographic_name, self.phonetic_name]
        return "=".join(groups).rstrip("=")


_JSON = (
    "station_aes", "station_names", "protocol_codes", "reason_codes", "diagnoses", "copies_to",
    "allergies", "alerts", "identifiers",
)  # fmt: skip


def parse_row(row: Row) -> Entry:
    """Read a row, whichever database it came from."""
    e = Entry._make("" if value is None else value for value in row)
    start, born = e.start, e.birth_date
    if isinstance(start, str):
        start = datetime.fromisoformat(start)
    if isinstance(born, str):
        born = date.fromisoformat(born) if born else None
    lists = {name: json.loads(getattr(e, name) or "[]") for name in _JSON}
    aware = start if start.tzinfo else start.replace(tzinfo=UTC)
    return e._replace(start=aware, birth_date=born, pregnant=bool(e.pregnant), **lists)
