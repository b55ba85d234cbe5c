"""What an edge has read about a patient or a visit, in plain values; and which numbers name a person. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal

Number = tuple[str, str, str]
"""(value, authority, series) of an identifier."""


@dataclass(frozen=True, kw_only=True)
class PatientIntent:
    """``identifiers`` are (value, authority, kind). ``None`` means "not said", an empty value "said to be empty"."""

    identifiers: tuple[tuple[str, str, str], ...]
    family_name: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    ideographic_name: str | None = None
    phonetic_name: str | None = None
    birth_date: date | Literal[""] | None = None
    sex: str | None = None
    former_families: tuple[str, ...] = ()
    """Family names that the person had before: they help to know the person again and are not kept."""
    address: str | None = None
    phone: str | None = None
    allergies: list[str] | None = None
    alerts: list[str] | None = None
    message_at: datetime | None = None
    message_id: str = ""
    """Decides between two messages of one moment, so that neither their arrival nor a repeat does."""

    def numbers(self) -> dict[Number, str]:
        """The numbers that name a person, each once in the order given, with their types."""
        # Reversed, so that of a number that is given twice the first type counts.
        named = {
            (value, authority, series_of(kind)): kind
            for value, authority, kind in reversed(self.identifiers)
            if names_a_person(kind)
        }
        return dict(reversed(named.items()))

    def demographics(self) -> dict[str, Any]:
        """The model fields that were said, by name."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_SAID}
        return {name: _empty(name, value) for name, value in said.items() if value is not None}


def _empty(name: str, value: Any) -> Any:
    """A birth date that is said to be empty is unknown."""
    return None if name == "birth_date" and value == "" else value


_NOT_SAID = frozenset({"identifiers", "message_at", "message_id", "former_families"})


@dataclass(frozen=True, kw_only=True)
class VisitIntent:
    """What a message says of a visit (PV1). None: it says nothing of that."""

    number: str
    authority: str
    site_id: int
    patient_class: str | None = None
    location: str | None = None
    attending: str | None = None
    referring: str | None = None
    pregnant: bool | None = None
    state: str | None = None
    discharge_pending: bool | None = None
    state_at: datetime | None = None
    """When what changed the state happened, where the message says so apart (EVN-6)."""
    message_at: datetime | None = None
    message_id: str = ""

    def content(self) -> dict[str, Any]:
        """The model fields that were said, by name."""
        names = (
            "patient_class", "location", "attending", "referring", "pregnant", "state", "discharge_pending",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


PATIENT_NUMBERS = frozenset(["", "MR", "PI", "PT", "PE", "EPI", "MRT", "U", "XX"])
"""Types that senders use one for the other for the number by which a hospital calls a patient."""

VISIT_NUMBERS = frozenset(["AN", "VN", "ANON", "ANC", "AND", "ANT", "VS", "FILL", "PLAC"])
"""Numbers of accounts, visits and orders: they come in a list of patient numbers and name no person."""

VISIT_SERIES = "visit"


def series_of(kind: str) -> str:
    """The series in which a number of that type is unique for its authority: empty for patient numbers,
    ``visit`` for numbers that name no person, else the type itself (SS, DL, PPN, NI …)."""
    kind = kind.strip().upper()
    if kind in PATIENT_NUMBERS:
        return ""
    return VISIT_SERIES if kind in VISIT_NUMBERS else kind


def names_a_person(kind: str) -> bool:
    """Whether a number of that type says who is meant."""
    return series_of(kind) != VISIT_SERIES
