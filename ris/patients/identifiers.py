"""Which numbers of a person are one series, by their type (HL7 table 0203). Pure."""

from __future__ import annotations

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
