"""Icons and state badges. A state is always icon + word + colour, from the tables below."""

from __future__ import annotations

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ris.kernel.language.catalogue import say

register = template.Library()

STATES: dict[str, tuple[str, str, str]] = {
    # orders
    "active": ("circle-check", "green", "Active"),
    "held": ("circle-pause", "amber", "On hold"),
    "cancelled": ("ban", "", "Cancelled"),
    # steps
    "scheduled": ("calendar-clock", "", "Scheduled"),
    "arrived": ("user-check", "blue", "Arrived"),
    "started": ("circle-play", "amber", "In progress"),
    "in progress": ("circle-play", "amber", "In progress"),
    "completed": ("circle-check", "green", "Done"),
    "discontinued": ("circle-stop", "red", "Discontinued"),
    # appointments; a moved one is shown as a moved prior is
    "booked": ("calendar-days", "blue", "Booked"),
    "no-show": ("user-x", "red", "Did not come"),
    "blocked": ("ban", "amber", "Blocked"),
    # reading items and reports
    "unread": ("circle", "", "Unread"),
    "claimed": ("lock", "blue", "Being read"),
    "preliminary": ("file-clock", "violet", "Preliminary"),
    "parked": ("circle-pause", "amber", "Parked"),
    "final": ("file-check", "green", "Final"),
    "draft": ("file-pen", "", "Draft"),
    "addendum": ("file-plus", "blue", "Addendum"),
    "corrected": ("file-pen", "amber", "Corrected"),
    "returned": ("undo-2", "amber", "Returned"),
    "retracted": ("ban", "red", "Retracted"),
    "agree": ("check", "green", "Agrees"),
    "minor": ("circle-alert", "amber", "Minor discrepancy"),
    "major": ("octagon-alert", "red", "Major discrepancy"),
    # what the patient sees of a report
    "for patient": ("circle-user", "green", "For the patient"),
    "withheld": ("ban", "", "Not for the patient"),
    "withdrawn": ("undo-2", "red", "Withdrawn"),
    # visits
    "expected": ("calendar-clock", "", "Expected"),
    "admitted": ("user-check", "blue", "Admitted"),
    "outpatient": ("circle-user", "", "Outpatient"),
    "discharged": ("log-out", "", "Discharged"),
    # messages in
    "received": ("inbox", "blue", "Received"),
    "applied": ("check", "green", "Applied"),
    "ignored": ("circle-dashed", "", "Ignored"),
    "refused": ("circle-x", "red", "Refused"),
    "to mend": ("triangle-alert", "amber", "To mend"),
    "duplicate": ("copy", "", "Duplicate"),
    "failed": ("triangle-alert", "red", "Failed"),
    # messages out
    "queued": ("hourglass", "blue", "Queued"),
    "sent": ("check-check", "green", "Sent"),
    "stopped": ("octagon-alert", "red", "Stopped"),
    "invalid": ("file-pen", "red", "Invalid"),
    "skipped": ("skip-forward", "", "Skipped"),
    # results on their way to other systems
    "waiting": ("hourglass", "blue", "On its way"),
    "stuck": ("octagon-alert", "red", "Stuck"),
    # replays of many messages
    "running": ("loader", "blue", "Running"),
    "halted": ("circle-stop", "amber", "Stopped"),
    "done": ("circle-check", "green", "Done"),
    # priors on their way
    "wanted": ("hourglass", "blue", "Wanted"),
    "searched": ("check", "green", "Searched"),
    "moving": ("loader", "amber", "Moving"),
    "moved": ("check", "green", "Moved"),
    "missed": ("triangle-alert", "red", "Missed"),
    # subscriptions and notifications
    "requested": ("hourglass", "blue", "Requested"),
    "error": ("octagon-alert", "red", "In error"),
    "off": ("circle-stop", "", "Off"),
    "owed": ("hourglass", "blue", "Owed"),
    "kept": ("inbox", "", "Kept"),
    # workitems, whose states are written as DICOM writes them
    "SCHEDULED": ("calendar-clock", "", "Scheduled"),
    "IN PROGRESS": ("circle-play", "amber", "In progress"),
    "COMPLETED": ("circle-check", "green", "Completed"),
    "CANCELED": ("ban", "", "Cancelled"),
    # rules, readers, plans, associations
    "live": ("circle-check", "green", "In force"),
    "retired": ("archive", "", "Retired"),
    "available": ("circle-check", "green", "Available"),
    "away": ("clock", "amber", "Away"),
    "teaching": ("users", "violet", "Teaching"),
    "signed out": ("log-out", "", "Signed out"),
    "planned": ("clock", "", "Planned"),
    "asked": ("refresh-cw", "blue", "Asked for"),
    "fetched": ("check", "green", "Fetched"),
    "dropped": ("ban", "", "Dropped"),
    "accepted": ("check", "green", "Accepted"),
    # follow-up recommendations
    "recommended": ("calendar-clock", "blue", "Recommended"),
    "ordered": ("clipboard-list", "amber", "Ordered"),
    "closed": ("archive", "", "Closed"),
    "rejected": ("circle-x", "red", "Rejected"),
}

PRIORITIES: dict[str, tuple[str, str, str]] = {
    "STAT": ("zap", "solid-red", "STAT"),
    "HIGH": ("flame", "red", "Urgent"),
    "MEDIUM": ("timer", "amber", "Timed"),
    "ROUTINE": ("circle", "plain", "Routine"),
}

URGENCIES: dict[int, tuple[str, str, str]] = {
    1: ("siren", "solid-red", "Critical"),
    2: ("zap", "solid-red", "STAT"),
    3: ("user-check", "amber", "Waiting"),
    4: ("stethoscope", "", "Inpatient"),
    5: ("circle", "plain", "Routine"),
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One icon of the sprite, hidden from screen readers: a word always stands beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', extra, static("icons.svg"), name
    )


def _badge(mark: tuple[str, str, str], title: str = "") -> SafeString:
    name, colour, word = mark
    return format_html(
        '<span class="badge {}" title="{}">{}{}</span>', colour, title, icon(name), gettext(word) if word else ""
    )


@register.simple_tag
def state(value: Any, title: str = "") -> SafeString:
    """The badge of a state; one that the table does not know shows its own name."""
    key = str(value)
    return _badge(STATES.get(key, ("circle-dot", "", key.capitalize())), title)


@register.simple_tag
def state_icon(value: str) -> SafeString:
    """The icon of a state alone, where its word stands beside it anyway."""
    return icon(STATES.get(value, ("circle-dot", "", ""))[0])


@register.simple_tag
def priority(value: str) -> SafeString:
    """The badge of an order's priority."""
    return _badge(PRIORITIES.get(value, ("circle", "", value)))


@register.simple_tag
def urgency(value: int) -> SafeString:
    """The badge of a reading item's urgency class."""
    return _badge(URGENCIES.get(value, ("circle", "", str(value))))


@register.filter
def person(value: str | None) -> str:
    """A name as messages carry it (``FAMILY^GIVEN^MIDDLE``) for people: ``FAMILY, Given Middle``."""
    family, *given = (value or "").split("^")
    rest = " ".join(part for part in given[:2] if part)
    return ", ".join(part for part in (family, rest) if part)


@register.filter
def lookup(table: dict[Any, Any], key: Any) -> Any:
    """``table[key]``, None when there is none."""
    return table.get(key)


@register.filter
def words(value: Any) -> str:
    """A name of ours for people: ``performed_though-cancelled`` → ``Performed though cancelled``."""
    text = str(value).replace("_", " ").replace("-", " ").replace(".", " · ")
    said = say(text)
    return say(text[:1].upper() + text[1:]) if said == text else said[:1].upper() + said[1:]


@register.filter
def fact(kind: str) -> str:
    """The name of an event for people: ``ExamCompleted`` → ``Exam completed``."""
    text = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()
    return say(text[:1].upper() + text[1:])
