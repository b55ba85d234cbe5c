"""Promises about patients. Each is one transaction that audits itself and tells its events."""

from .confidentiality import lift_confidential, mark_confidential, note_said_confidential
from .duplicates import find_duplicates, keep_apart, merge_duplicate
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
from .moves import merge_visits, move_identifiers, move_visit, renumber_visit
from .questions import (
    ASK_FIRST,
    IdentityDoubt,
    IdentityPolicy,
    ask_identity,
    check_identity,
    decide_identity,
    find_doubt,
    is_decided_same,
    traits_known,
    traits_said,
)
from .visits import give_visit, record_visit

__all__ = [
    "ASK_FIRST",
    "IdentityDoubt",
    "IdentityPolicy",
    "add_alias",
    "ask_identity",
    "authority_named",
    "check_identity",
    "decide_identity",
    "find_doubt",
    "find_duplicates",
    "give_visit",
    "is_decided_same",
    "keep_apart",
    "lift_confidential",
    "mark_confidential",
    "merge_duplicate",
    "merge_patients",
    "merge_visits",
    "move_identifiers",
    "move_visit",
    "note_moved",
    "note_said_confidential",
    "note_separation",
    "note_since",
    "record_visit",
    "renumber_visit",
    "resolve_patient",
    "retire_identifiers",
    "revive_record",
    "traits_known",
    "traits_said",
    "unmerge_patients",
]
