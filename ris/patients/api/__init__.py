"""Patients over REST: registered, searched, merged, separated, and who is who."""

from .identity import DecideDuplicateView, IdentityQuestionsView, IdentityQuestionView, PossibleDuplicatesView
from .people import MergesView, PatientSearchView, PatientsView, PatientView, SeparateView

__all__ = [
    "DecideDuplicateView",
    "IdentityQuestionView",
    "IdentityQuestionsView",
    "MergesView",
    "PatientSearchView",
    "PatientView",
    "PatientsView",
    "PossibleDuplicatesView",
    "SeparateView",
]
