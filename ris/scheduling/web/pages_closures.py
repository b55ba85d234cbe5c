"""Closures on screen: a device is down or a room closed, and the day's bookings get other times."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record_shown
from ris.catalog.models import Device
from ris.kernel.clock import now
from ris.kernel.errors import NotFound, Refusal
from ris.kernel.values import id_or_none
from ris.orders.models import ScheduledStep
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import require, sites_for

from .. import services
from ..models import Closure
from ..selectors.calendar import list_affected
from ..selectors.slots import Slot, find_slots
from .forms import choose_site, local_text, read_site_moment
from .pages_times import slot_question

LISTED_SINCE = timedelta(days=7)


@require_http_methods(["GET", "POST"])
@page(Can.KEEP_CALENDAR)
def closures(request: HttpRequest) -> HttpResponse:
    """What is closed now and to come; a new closure. Its bookings are shown next, each with another time."""
    sites, site = choose_site(request, Can.KEEP_CALENDAR)
    devices = list(Device.objects.filter(site=site, active=True))
    refusal: Refusal | None = None
    if request.method == "POST":
        try:
            device_id = id_or_none(request.POST.get("device", ""))
            device = next((one for one in devices if one.pk == device_id), None)
            if device_id and device is None:
                raise NotFound("There is no such device at that site.", at="device")
            row = services.close_for(
                site, device, since=read_site_moment(request, "since", site),
                until=read_site_moment(request, "until", site), reason=request.POST.get("reason", "").strip(),
                kind=request.POST.get("kind", Closure.CLOSED), actor=actor_of(request), at=now(),
            )  # fmt: skip
            return go(request, reverse("scheduling:closure", args=[row.pk]), "Closed.")
        except Refusal as refused:
            refusal = refused
    rows = Closure.objects.filter(site=site, until__gte=now() - LISTED_SINCE).select_related("device", "site")
    zone = ZoneInfo(site.time_zone)
    context: dict[str, Any] = {
        "sites": sites, "site": site, "devices": devices, "rows": rows, "kinds": Closure.KINDS, "refusal": refusal,
        "said": request.POST, "since": local_text(now(), zone), "until": local_text(now() + timedelta(hours=4), zone),
    }  # fmt: skip
    with timezone.override(zone):
        return render(request, "scheduling/closures.html", context, status=400 if refusal else 200)


@require_safe
@page(Can.KEEP_CALENDAR)
def closure(request: HttpRequest, closure_id: int) -> HttpResponse:
    """What is booked into a closure, each with the next time that is free: for the scheduler to accept. Audited."""
    row = _get_closure(request, closure_id)
    user, zone = user_of(request), ZoneInfo(row.site.time_zone)
    suggestions: list[tuple[ScheduledStep, Slot | None, str]] = []
    taken: list[tuple[int, datetime, datetime]] = []
    for step in list_affected(user, row):
        question = replace(slot_question(step, user_id=user.pk), taken=tuple(taken))
        visits = find_slots(question, most=1, at=now()).visits if question.procedures else []
        slot = visits[0][0] if visits else None
        if slot is not None:  # so that no two are suggested the same time
            taken.append((slot.device.pk, slot.start, slot.start + timedelta(minutes=slot.minutes)))
        suggestions.append((step, slot, local_text(slot.start, zone) if slot else ""))
    shown = ((step, step.procedure.order.patient_id) for step, *_ in suggestions)
    record_shown(actor_of(request), "calendar.affected", shown, at=now())
    with timezone.override(zone):
        return render(request, "scheduling/closure.html", {"row": row, "suggestions": suggestions, "zone": zone})


@require_POST
@page(Can.KEEP_CALENDAR)
def reopen(request: HttpRequest, closure_id: int) -> HttpResponse:
    """Take it away."""
    row = _get_closure(request, closure_id)
    services.reopen(row.pk, actor=actor_of(request), at=now())
    return go(request, reverse("scheduling:closures"), "Open again.")


def _get_closure(request: HttpRequest, closure_id: int) -> Closure:
    require(user_of(request), Can.KEEP_CALENDAR)
    sites = sites_for(user_of(request), Can.KEEP_CALENDAR)
    row = Closure.objects.filter(pk=closure_id, site__in=sites).select_related("site", "device").first()
    if row is None:
        raise NotFound("There is no such closure.")
    return row
