"""Patients, their identifiers, merges and visits."""

from .identity import IdentityQuestion, Merge, PossibleDuplicate
from .numbers import AssigningAuthority, AuthorityAlias, Identifier
from .patient import Patient, PatientNameToken
from .visit import Visit

__all__ = [
    "AssigningAuthority",
    "AuthorityAlias",
    "Identifier",
    "IdentityQuestion",
    "Merge",
    "Patient",
    "PatientNameToken",
    "PossibleDuplicate",
    "Visit",
]
