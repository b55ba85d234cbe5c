"""How a reading item shows its clock and the reason for its place."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ris.kernel.templatetags.times import clock, day, span
from ris.kernel.templatetags.ui import icon
from worklist.models import ReadingItem
from worklist.services import score_terms
from worklist.states import OPEN

register = template.Library()


@register.simple_tag
def due(item: ReadingItem) -> SafeString | str:
    """The SLA clock: time left, amber in the last quarter, red once it is over; ``clocks.js`` keeps it going."""
    if item.state not in OPEN:
        return ""
    at = timezone.now()
    phase = _phase(item.opened_at, item.due_at, at)
    text = span(item.due_at - at) + ("" if phase != "over" else " " + gettext("over"))
    title = gettext("Due {moment}, {span} after it could be read").format(
        moment=f"{day(item.due_at)} {clock(item.due_at)}", span=span(item.sla_minutes * 60)
    )
    return format_html(
        '<span class="due" data-phase="{}" data-due="{}" data-from="{}" title="{}">'
        '{}{}{}<span data-text>{}</span></span>',
        phase, item.due_at.isoformat(), item.opened_at.isoformat(), title,
        icon("clock", "calm"), icon("hourglass", "soon"), icon("alarm-clock", "over"), text,
    )  # fmt: skip


def _phase(opened: datetime, due_at: datetime, at: datetime) -> str:
    if at > due_at:
        return "over"
    # The same quarter as in static/clocks.js, which goes on from here.
    return "soon" if due_at - at <= (due_at - opened) / 4 else "calm"


TERMS = {
    "class": "Urgency class",
    "reading time": "Short exams first",
    "time left": "Time left",
    "lateness": "Lateness",
    "too late": "Too late to be in time",
    "rules": "Rules and AI",
}


@register.simple_tag
def why(item: ReadingItem) -> list[tuple[str, float]]:
    """The score's terms with their sum, as people read them."""
    terms = score_terms(item, timezone.now())
    return [
        (gettext(TERMS.get(name, name.capitalize())), value) for name, value in terms.items() if abs(value) >= 0.005
    ]


@register.filter
def total(terms: list[tuple[str, float]]) -> float:
    """The sum of the score's parts."""
    return sum(value for _, value in terms)


@register.filter
def reason(item: ReadingItem) -> str:
    """The reason for its place in a sentence, for a tooltip."""
    terms = why(item)
    parts = [f"{name} {value:+.1f}" for name, value in terms]
    return f"{gettext(item.get_urgency_display())}: {gettext('score')} {total(terms):.1f} = " + ", ".join(parts)


@register.filter
def merits(order: dict[str, float]) -> list[str]:
    """What spoke for a candidate (see ``worklist.rules.preference``, where lower is better), in words."""
    names = [name for name in order if name in _YES and order[name] == _YES[name]]
    unread = -order.get("has read least for the time on shift", 0.0)
    return [*names, f"{unread:.0f} min of the shift not yet read"] if unread > 0 else names


# The value that is a merit, by name: of the skill its level (1 is primary), of the others 0 for yes.
_YES = {
    "teaching case to a trainee": 0.0,
    "primary skill": 1.0,
    "holds this patient already": 0.0,
    "read the prior": 0.0,
    "same team": 0.0,
    "site": 0.0,
}
