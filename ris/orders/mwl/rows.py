"""One line of the modality worklist: how a row is read and told from its earlier self."""

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
    alias: str
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
    if e.alias:  # scanners are to know neither the name nor where the patient lives
        family, _, given = e.alias.partition("^")
        e = e._replace(
            family_name=family, given_name=given, middle_name="", prefix="", suffix="", ideographic_name="",
            phonetic_name="", address="", phone="",
        )  # fmt: skip
    return e._replace(start=aware, birth_date=born, pregnant=bool(e.pregnant), **lists)
