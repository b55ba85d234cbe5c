"""Rows of reporting: reports and their versions, words that are not in a report (yet), documents made elsewhere."""

from ..search.models import SavedSearch, SearchRow
from .documents import OutsideDocument
from .drafts import DraftHandover, TextDraft
from .reports import AGREEMENTS, CRITICAL_LEVELS, Criticality, Override, Report, ReportVersion

__all__ = [
    "AGREEMENTS",
    "CRITICAL_LEVELS",
    "Criticality",
    "DraftHandover",
    "OutsideDocument",
    "Override",
    "Report",
    "ReportVersion",
    "SavedSearch",
    "SearchRow",
    "TextDraft",
]
