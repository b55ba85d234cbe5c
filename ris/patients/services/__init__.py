"""Promises about patients. Each is one transaction that audits itself and tells its events."""

from .identity import add_alias, authority_named, resolve_patient
from .merging import (
    merge_patients,
    note_moved,
    note_separation,
    note_since,
    retire_identifiers,
    revive_record,
    unmerge_patients,
)
from .moves import move_identifiers, move_visit, renumber_visit
from .questions import ASK_FIRST, IdentityDoubt, IdentityPolicy, ask_identity, decide_identity
from .visits import give_visit, record_visit

__all__ = [
    "ASK_FIRST",
    "IdentityDoubt",
    "IdentityPolicy",
    "add_alias",
    "ask_identity",
    "authority_named",
    "decide_identity",
    "give_visit",
    "merge_patients",
    "move_identifiers",
    "move_visit",
    "note_moved",
    "note_separation",
    "note_since",
    "record_visit",
    "renumber_visit",
    "resolve_patient",
    "retire_identifiers",
    "revive_record",
    "unmerge_patients",
]
