"""The tours of the demo: for each role a few places, and what is done there. Data; ``static/js/tour.js`` walks it."""

from __future__ import annotations

from dataclasses import dataclass

from ris.people.roles import Role


@dataclass(frozen=True, slots=True)
class Stop:
    """A place of a tour: the route of its page, what is pointed at there (CSS selector), and what is said."""

    route: str
    spot: str
    title: str
    text: str


_LIST = Stop("worklist:list", "#rows", "The reading list", "It is live: cases come in while you look. The order is the "
             "one in which they should be read; click on a row to see why.")  # fmt: skip
_NEXT = Stop("worklist:list", ".topbar .actions", "The next case", "Press N: the server chooses the case that is most "
             "urgent for you at that moment, and opens it.")  # fmt: skip
_ROOM = Stop("worklist:list", "#rows", "The reading room", "Order and history at the left, the report in the middle, "
             "priors at the right. Write an impression; Ctrl+Enter signs it.")  # fmt: skip
_BOX = Stop("worklist:list", "[data-go-to]", "One box for everything", "Ctrl+K finds a patient, an accession number or "
            "a page. The ? key lists the keys of each page.")  # fmt: skip
_ALARMS = Stop("people:alarms", "main", "Alarms", "What a person must see to, each with the way to its cause.")

TOURS: dict[Role, tuple[Stop, ...]] = {
    Role.RADIOLOGIST: (
        _LIST, _NEXT, _ROOM,
        Stop("reporting:results", "main", "Yesterday", "Released reports, with addenda. A report that was signed is "
             "never changed, only added to."),
        _BOX,
    ),
    Role.RESIDENT: (_LIST, _NEXT, _ROOM, _BOX),
    Role.LEAD: (
        Stop("worklist:coordinator", "main", "The department now",
             "Late cases, who reads, and the next twelve hours of "
             "booked exams against readers on shift."),
        Stop("reporting:critical", "main", "Critical findings", "One was told and acknowledged yesterday. One is open: "
             "its clock runs until somebody has received it."),
        Stop("worklist:rules", "main", "Rules", "Who reads what, as sentences. Try a change on past cases before it is "
             "in force."),
        _ALARMS,
    ),
    Role.TECHNOLOGIST: (
        Stop("orders:board", "main", "The device board", "A lane for each device. Patients arrive and scanners report "
             "their exams by themselves; watch the cards move."),
        Stop("orders:board", "main", "By hand", "Choose a card: allergies, questions before the exam, and Start for a "
             "device that does not report."),
        Stop("dicom:devices", "main", "Why not on my scanner?", "Each device says which exams it was shown, and why "
             "one is missing."),
    ),
    Role.SCHEDULER: (
        Stop("scheduling:calendar", "main", "The calendar", "Rooms by day and week. Drag an appointment, or move it by "
             "keys; two never fit on one table."),
        Stop("orders:list", "main", "Orders", "All that was ordered, by the EMR or here. New order takes a minute."),
        Stop("scheduling:waiting", "main", "Waiting list",
             "Who would come sooner is offered a time that becomes free."),
    ),
    Role.REFERRER: (
        Stop("reporting:referrer-home", "main", "Your results", "What was reported of your patients, critical findings "
             "first. You see your own orders and nobody else's."),
        Stop("orders:own-list", "main", "Your orders", "How far each exam is."),
    ),
    Role.ANALYST: (
        Stop("hl7:messages", "main", "Messages", "Orders come in, results go out; each with its raw text beside what "
             "was read of it, and what it changed."),
        Stop("fhir:subscriptions", "main", "Subscriptions", "Who is told of which facts by FHIR."),
        _ALARMS,
    ),
    Role.ADMINISTRATOR: (
        _ALARMS,
        Stop("dicom:devices", "main", "Devices", "Try the connection of each, and see what it asked."),
        Stop("people:address-book", "main", "Address book",
             "Who orders exams from outside, and which account is theirs."),
    ),
    Role.PRIVACY_OFFICER: (
        Stop("privacy:events", "main", "Audit",
             "Every look at a patient's data, and every change: who, when, from where."),
    ),
}  # fmt: skip
"""Role and its tour, in the order of the stops."""
