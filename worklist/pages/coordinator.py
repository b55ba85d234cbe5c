"""The coordinator's page, where a lead begins: what is about to be late, who is here, and the hours to come."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.models import Alarm
from ris.orders.result_delivery import count_undelivered
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for

from .. import selectors, services
from ..models import Presence, ReadingItem
from ..selectors.access import colleague, colleagues
from ..selectors.additions import lead_tiles
from ..selectors.hours_ahead import hours_ahead
from ..selectors.lead import open_escalations, visible_shifts
from ..selectors.roster import on_shift
from ..states import CLAIMED

HOURS = 12
MOST_ALARMS = 12
LATENESS = {
    1: "Half of its time is gone",
    2: "Three quarters of its time are gone",
    3: "Nine tenths of its time are gone",
    4: "Late",
}
"""The rungs of the ladder (``worklist.rules.score.RUNGS``) in the words of the page."""


@require_safe
@page(Can.LEAD_READING)
def show_coordinator(request: HttpRequest) -> HttpResponse:
    """What is about to be late, who is here, who holds what, and whether the coming hours are covered."""
    user, at = user_of(request), now()
    if "X-By-Itself" not in request.headers:
        record(actor_of(request), "worklist.view", user, at=at, list="coordinator")
    counts = selectors.counts(user, at=at)
    context = {
        "escalations": [{"row": row, "what": LATENESS.get(row.rung, "")} for row in open_escalations(user)[:100]],
        "counts": {name: counts[name] for name in ("all", "unassigned", "overdue", "parked")},
        "readers": _readers(user, at),
        "colleagues": colleagues(user),
        "undelivered": count_undelivered([site.pk for site in sites_for(user, Can.LEAD_READING)], at=at),
        "tiles": lead_tiles(user, at),
        "hours": hours_ahead(user, at=at, hours=HOURS),
        "alarms": Alarm.objects.filter(cleared_at__isnull=True).order_by("-last_at")[:MOST_ALARMS],
    }
    return render(request, "worklist/coordinator.html", context)


def _readers(viewer: User, at: datetime) -> list[dict[str, Any]]:
    """Who is on shift at the viewer's sites, with presence and load; and whoever holds a case without being on."""
    shifts = set(visible_shifts(viewer).values_list("pk", flat=True))
    duties = {pk: duty for pk, duty in on_shift(at).items() if duty.shift_id in shifts}
    held: dict[int, list[ReadingItem]] = defaultdict(list)
    claimed = selectors.visible_items(viewer).filter(state=CLAIMED).select_related("procedure")
    for item in claimed.order_by("claimed_at"):
        held[item.reader_id or 0].append(item)
    presence = {row.reader_id: row for row in Presence.objects.filter(reader__in=[*duties, *held])}
    people = User.objects.filter(pk__in=[*duties, *held]).order_by("last_name", "first_name", "username")
    return [
        {
            "user": person,
            "duty": duties.get(person.pk),
            "presence": presence.get(person.pk),
            "held": held[person.pk],
            "minutes": sum(item.reading_minutes for item in held[person.pk]),
        }
        for person in people
    ]


@require_POST
@page(Can.LEAD_READING)
def acknowledge(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """The coordinator has seen to it."""
    services.acknowledge(escalation_id, coordinator=user_of(request), actor=actor_of(request), at=now())
    return go(request, reverse("worklist:coordinator"), "Noted as seen to.")


@require_POST
@page(Can.LEAD_READING)
def direct(request: HttpRequest, item_id: int) -> HttpResponse:
    """Give a waiting case to a reader (``how``): ``assign`` suggests it, ``reserve`` keeps it for them alone, ``call``
    rings their bell."""
    user, at, actor = user_of(request), now(), actor_of(request)
    item = selectors.item_for(user, item_id)
    require(user, Can.LEAD_READING, item.site_id)
    if not request.POST.get("to"):
        raise Invalid("Choose a reader.", at="to")
    reader, how = colleague(user, request.POST["to"]), request.POST.get("how", "")
    if how == "assign":
        services.assign(item.pk, reader=reader, actor=actor, at=at)
        said = f"Suggested to {reader.display_name}."
    elif how == "reserve":
        reason = request.POST.get("reason", "")
        services.reserve(item.pk, reader=reader, reason=reason, actor=actor, at=at)
        said = f"Only {reader.display_name} is given it now."
    elif how == "call":
        services.call_reader(item.pk, reader=reader, caller=user, actor=actor, at=at)
        said = f"The bell of {reader.display_name} rings on every page they have open."
    else:
        raise Invalid("Say how: assign, reserve or call.", at="how")
    return go(request, reverse("worklist:coordinator"), said)
