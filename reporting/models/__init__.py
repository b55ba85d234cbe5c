"""Rows of reporting: reports and their versions, words that are not in a report (yet), documents made elsewhere."""

from ..critical.models import (
    Communication,
    CriticalContact,
    CriticalFinding,
    CriticalLimit,
    CriticalMessage,
    ListedFinding,
)
from ..dictation.models import DictationEvent, DictationFocus
from ..followup.models import FollowUp, FollowUpMatch, FollowUpReminder
from ..quality.models import PeerFeedback, PeerReview, TeachingCase
from ..referrers.models import ResultSeen
from ..release.models import PatientRelease, ReleasePolicy
from ..search.models import SavedSearch, SearchRow
from ..values.models import AiDecision, ElementSet, ReportValue
from ..writing.models import Insertion, Macro, ReportTemplate, TemplateVersion
from .documents import OutsideDocument
from .drafts import DraftHandover, TextDraft
from .firings import Firing
from .reports import AGREEMENTS, CRITICAL_LEVELS, RETRACTIONS, Criticality, Override, Report, ReportVersion
from .supervision import AttestationText, DiscrepancyNotice, ReportReturn

__all__ = [
    "AGREEMENTS",
    "CRITICAL_LEVELS",
    "RETRACTIONS",
    "AiDecision",
    "AttestationText",
    "Communication",
    "CriticalContact",
    "CriticalFinding",
    "CriticalLimit",
    "CriticalMessage",
    "Criticality",
    "DictationEvent",
    "DictationFocus",
    "DiscrepancyNotice",
    "DraftHandover",
    "ElementSet",
    "Firing",
    "FollowUp",
    "FollowUpMatch",
    "FollowUpReminder",
    "Insertion",
    "ListedFinding",
    "Macro",
    "OutsideDocument",
    "Override",
    "PatientRelease",
    "PeerFeedback",
    "PeerReview",
    "ReleasePolicy",
    "Report",
    "ReportReturn",
    "ReportTemplate",
    "ReportValue",
    "ReportVersion",
    "ResultSeen",
    "SavedSearch",
    "SearchRow",
    "TeachingCase",
    "TemplateVersion",
    "TextDraft",
]
