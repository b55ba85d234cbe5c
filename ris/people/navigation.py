"""The navigation at the side of every page: its links and who is shown each, and where a role begins."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from ris.kernel.models import Alarm

from .roles import Can


@dataclass(frozen=True, slots=True)
class Link:
    """A page in the navigation, shown to who may do one of ``cans``. ``g``, then ``key``, opens it."""

    label: str
    icon: str
    route: str
    cans: frozenset[Can]
    key: str


def _link(label: str, icon: str, route: str, key: str, *cans: Can) -> Link:
    return Link(label, icon, route, frozenset(cans), key)


ALARM_CANS = (Can.SEE_MESSAGES, Can.SET_UP, Can.LEAD_READING)
PRIVACY_ALARMS = ("break-glass", "audit-chain", "login-failures")
"""Kinds that privacy officers are shown; who has one of ``ALARM_CANS`` is shown all."""

NAVIGATION: dict[str, tuple[Link, ...]] = {
    "Reading": (
        _link("Reading list", "list-checks", "worklist:list", "l", Can.SEE_WORKLIST),
        _link("Coordinator", "gauge", "worklist:coordinator", "w", Can.LEAD_READING),
        _link("Critical findings", "siren", "reporting:critical", "z", Can.LEAD_READING),
        _link("Follow-up", "calendar-clock", "reporting:follow-ups", "h", Can.SEE_REPORTS, Can.LEAD_READING),
        _link("Unsigned drafts", "file-pen", "reporting:drafts", "n", Can.READ_CASES),
        _link("Quality", "scale", "reporting:quality", "1", Can.READ_CASES, Can.LEAD_QUALITY),
        _link("Discrepancies", "octagon-alert", "reporting:discrepancies", "j", Can.SEE_REPORTS),
        _link("My results", "inbox", "reporting:referrer-home", "0", Can.SEE_REPORTS),
        _link("Results", "file-text", "reporting:results", "t", Can.SEE_REPORTS),
        _link("Shares", "link-2", "sharing:shares", "2", Can.SHARE_REPORTS, Can.SEE_AUDIT, Can.LEAD_READING),
        _link("My orders", "clipboard-list", "orders:own-list", "q", Can.SEE_REPORTS),
    ),
    "Imaging": (
        _link("Orders", "clipboard-list", "orders:list", "o", Can.SEE_ORDERS),
        _link("Calendar", "calendar-clock", "scheduling:calendar", "8", Can.SEE_ORDERS),
        _link("Waiting list", "hourglass", "scheduling:waiting", "9", Can.PLACE_ORDERS),
        _link("Device board", "monitor", "orders:board", "b", Can.SEE_ORDERS),
        _link("Identity", "users", "orders:identity", "i", Can.SEPARATE_PATIENTS),
        _link("Emergency access", "siren", "privacy:break-glass", "6", Can.BREAK_GLASS),
        _link("After a downtime", "history", "operations:back-entry", "y", Can.PERFORM_EXAMS, Can.PLACE_ORDERS),
        _link("Exam exceptions", "unlink", "dicom:exceptions", "x", Can.PLACE_ORDERS, Can.PERFORM_EXAMS, Can.SET_UP),
    ),
    "Duty": (
        _link("Roster", "calendar-days", "worklist:roster", "r", Can.SEE_WORKLIST),
        _link("Coverage", "users", "worklist:coverage", "c", Can.LEAD_READING),
        _link("Rules", "scroll-text", "worklist:rules", "u", Can.LEAD_READING),
    ),
    "System": (
        _link("Messages", "message-square-warning", "hl7:messages", "m", Can.SEE_MESSAGES),
        _link("Devices", "server", "dicom:devices", "d", Can.SEE_ORDERS),
        _link("Prefetch", "arrow-down-to-line", "dicom:prefetch", "f", Can.SET_UP, Can.SEE_MESSAGES, Can.LEAD_READING),
        _link("Reports out", "archive", "dicom:reports", "p", Can.SEE_MESSAGES),
        _link("Subscriptions", "send", "fhir:subscriptions", "e", Can.SEE_MESSAGES),
        _link("FHIR clients", "lock", "fhir:apps", "3", Can.SET_UP),
        _link("Workitems", "list-checks", "dicom:workitems", "4", Can.LEAD_READING, Can.SET_UP),
        _link("Audit", "shield", "privacy:events", "v", Can.SEE_AUDIT),
        _link("Address book", "users", "people:address-book", "k", Can.LEAD_READING, Can.SET_UP),
        _link("Role mappings", "link-2", "people:role-mappings", "5", Can.SET_UP),
        _link("Set-up", "settings", "admin:index", "s", Can.SET_UP),
        _link("Alarms", "bell", "people:alarms", "a", *ALARM_CANS, Can.SEE_AUDIT),
    ),
}

HOMES: tuple[tuple[Can, str], ...] = (
    (Can.SET_UP, "people:alarms"),
    (Can.LEAD_READING, "worklist:coordinator"),
    (Can.READ_CASES, "worklist:list"),
    (Can.PERFORM_EXAMS, "orders:board"),
    (Can.PLACE_ORDERS, "orders:list"),
    (Can.SEE_MESSAGES, "hl7:messages"),
    (Can.SEE_REPORTS, "reporting:referrer-home"),
    (Can.SEE_AUDIT, "privacy:events"),
)
"""Permission and first page; the first pair that fits counts, so the most specific work stands first."""

ALARM_PAGES: dict[str, tuple[str, str]] = {
    "sla-breach": ("worklist:list", "?list=overdue"),
    "uncovered": ("worklist:coverage", ""),
    "offer-unanswered": ("worklist:coordinator", ""),
    "told-by-rule": ("worklist:list", "?list=all"),
    "patient-identity": ("orders:identity", ""),
    "exam-of-another-patient": ("dicom:exceptions", ""),
    "images-of-another-patient": ("dicom:exceptions", ""),
    "images-without-order": ("dicom:exceptions", ""),
    "images-missing": ("dicom:exceptions", ""),
    "reported-then-unlinked": ("dicom:exceptions", ""),
    "archive-unreachable": ("dicom:devices", ""),
    "hl7-message-invalid": ("hl7:messages", "?way=out"),
    "hl7-message-refused": ("hl7:messages", "?way=out"),
    "hl7-destination-down": ("hl7:messages", "?way=out"),
    "hl7-answer-mismatch": ("hl7:messages", "?way=out"),
    "fhir-subscription": ("fhir:subscriptions", ""),
    "follow-up-overdue": ("reporting:follow-ups", "?show=overdue"),
    "follow-up-untold": ("reporting:follow-ups", "?show=overdue"),
    "critical-unacknowledged": ("reporting:critical", ""),
    "critical-untold": ("reporting:critical", ""),
    "critical-withdrawn": ("reporting:critical", ""),
    "critical-link-locked": ("reporting:critical", ""),
    "break-glass": ("privacy:reviews", ""),
    "critical-result-undelivered": ("hl7:undelivered", ""),
}
"""Kind of alarm → the page where its cause is dealt with, and its query string."""


def alarms_for(cans: frozenset[Can]) -> QuerySet[Alarm]:
    """The alarms that somebody with these permissions is shown, open ones and those that are over."""
    if cans & set(ALARM_CANS):
        return Alarm.objects.all()
    return Alarm.objects.filter(kind__in=PRIVACY_ALARMS if Can.SEE_AUDIT in cans else ())
