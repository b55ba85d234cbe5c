"""The way round the house: which pages there are, and who is shown the door to each."""

from __future__ import annotations

from dataclasses import dataclass

from .roles import Can


@dataclass(frozen=True, slots=True)
class Door:
    """A page in the navigation, shown to whoever may do one of ``cans``. ``key`` follows a ``g``."""

    label: str
    icon: str
    route: str
    cans: frozenset[Can]
    key: str


def _door(label: str, icon: str, route: str, key: str, *cans: Can) -> Door:
    return Door(label, icon, route, frozenset(cans), key)


DOORS: dict[str, tuple[Door, ...]] = {
    "Reading": (
        _door("Reading list", "list-checks", "worklist:list", "l", Can.SEE_WORKLIST),
        _door("Coordinator", "gauge", "worklist:coordinator", "w", Can.LEAD_READING),
        _door("Results", "file-text", "reporting:results", "t", Can.SEE_REPORTS),
    ),
    "Imaging": (
        _door("Orders", "clipboard-list", "orders:list", "o", Can.SEE_ORDERS),
        _door("Device board", "monitor", "orders:board", "b", Can.SEE_ORDERS),
        _door("Identity", "users", "orders:identity", "i", Can.SEPARATE_PATIENTS),
        _door("Exam exceptions", "unlink", "dicom:exceptions", "x", Can.PLACE_ORDERS, Can.PERFORM_EXAMS, Can.SET_UP),
    ),
    "Duty": (
        _door("Roster", "calendar-days", "worklist:roster", "r", Can.SEE_WORKLIST),
        _door("Coverage", "users", "worklist:coverage", "c", Can.LEAD_READING),
        _door("Rules", "scroll-text", "worklist:rules", "u", Can.LEAD_READING),
    ),
    "System": (
        _door("Messages", "message-square-warning", "hl7:messages", "m", Can.SEE_MESSAGES),
        _door("Devices", "server", "dicom:devices", "d", Can.SEE_ORDERS),
        _door("Prefetch", "arrow-down-to-line", "dicom:prefetch", "f", Can.SET_UP, Can.SEE_MESSAGES, Can.LEAD_READING),
        _door("Reports out", "archive", "dicom:reports", "p", Can.SEE_MESSAGES),
        _door("Set-up", "settings", "admin:index", "s", Can.SET_UP),
        _door("Alarms", "bell", "people:alarms", "a", Can.SEE_MESSAGES, Can.SET_UP, Can.LEAD_READING),
    ),
}

HOMES: tuple[tuple[Can, str], ...] = (
    (Can.READ_CASES, "worklist:list"),
    (Can.PERFORM_EXAMS, "orders:board"),
    (Can.PLACE_ORDERS, "orders:list"),
    (Can.SEE_MESSAGES, "hl7:messages"),
    (Can.SET_UP, "people:alarms"),
    (Can.SEE_REPORTS, "reporting:results"),
)
"""The first that fits is where a person begins."""
