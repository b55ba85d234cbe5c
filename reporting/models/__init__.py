"""Rows of reporting: reports and their versions, words that are not in a report (yet), documents made elsewhere."""

from ..search.models import SavedSearch, SearchRow
from ..writing.models import Insertion, Macro, ReportTemplate, TemplateVersion
from .documents import OutsideDocument
from .drafts import DraftHandover, TextDraft
from .reports import AGREEMENTS, CRITICAL_LEVELS, RETRACTIONS, Criticality, Override, Report, ReportVersion
from .supervision import AttestationText, DiscrepancyNotice, ReportReturn

__all__ = [
    "AGREEMENTS",
    "CRITICAL_LEVELS",
    "RETRACTIONS",
    "AttestationText",
    "Criticality",
    "DiscrepancyNotice",
    "DraftHandover",
    "Insertion",
    "Macro",
    "OutsideDocument",
    "Override",
    "Report",
    "ReportReturn",
    "ReportTemplate",
    "ReportVersion",
    "SavedSearch",
    "SearchRow",
    "TemplateVersion",
    "TextDraft",
]
