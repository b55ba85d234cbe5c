"""Promises about patients. Each is one transaction that audits itself and tells its events."""

from .identity import resolve_patient
from .merging import merge_patients, note_moved, note_separation, note_since, retire_identifiers, unmerge_patients
from .visits import give_visit, record_visit

__all__ = [
    "give_visit",
    "merge_patients",
    "note_moved",
    "note_separation",
    "note_since",
    "record_visit",
    "resolve_patient",
    "retire_identifiers",
    "unmerge_patients",
]
