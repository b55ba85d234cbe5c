"""The calendar on screen: rooms by day, a room by week, the day as a list; an appointment beside it, moved or left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Device
from ris.catalog.selectors import devices_at
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.values import id_or_none, read_id
from ris.orders import services as order_services
from ris.orders import states as order_states
from ris.orders.selectors import step_for
from ris.orders.web.pages_entry import CHOSEN_TIME
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import services
from ..rules.intervals import day_interval
from ..selectors.calendar import Appointment, ClosedTime, list_appointments, list_closed
from .forms import choose_site, local_text, read_day, read_device, read_overbook_reason, read_site_moment, week_of


@require_safe
@page(Can.SEE_ORDERS)
def calendar(request: HttpRequest) -> HttpResponse:
    """Rooms of a site on a day, or one room in a week; the same day as a list, which a phone and paper get."""
    sites, site = choose_site(request)
    day, view = read_day(request, site), request.GET.get("view", "day")
    zone = ZoneInfo(site.time_zone)
    devices = list(Device.objects.filter(site=site, active=True))
    chosen = id_or_none(request.GET.get("device", ""))
    device = next((one for one in devices if one.pk == chosen), devices[0] if devices else None)
    whole = day_interval(day, zone)
    rows = list_appointments(user_of(request), site, whole.start, whole.end, at=now())
    step = timedelta(days=7 if view == "week" else 1)
    record(actor_of(request), "calendar.view", user_of(request), at=now(), site=site.code, day=day.isoformat())
    context: dict[str, Any] = {
        "sites": sites, "site": site, "day": day, "view": view, "devices": devices, "device": device,
        "monday": week_of(day), "sunday": week_of(day) + timedelta(days=6), "before": day - step, "after": day + step,
        "rooms": [(one, [row for row in rows if row.step.device_id == one.pk]) for one in devices],
        "elsewhere": [row for row in rows if row.step.device_id is None],
        "conflicts": [row for row in rows if row.overlaps], "zone": zone,
        "may_book": Can.PLACE_ORDERS in permissions_of(user_of(request)),
        "may_keep": Can.KEEP_CALENDAR in permissions_of(user_of(request)),
    }  # fmt: skip
    with timezone.override(zone):  # the exam is there, so its clock counts
        return render(request, "scheduling/calendar.html", context)


@require_safe
@page(Can.SEE_ORDERS)
def events(request: HttpRequest) -> HttpResponse:
    """A day of all rooms, or a week of one, for the calendar's script. Moments are by the site's clock."""
    _, site = choose_site(request)
    zone, day = ZoneInfo(site.time_zone), read_day(request, site)
    device_id = id_or_none(request.GET.get("device", ""))
    first = week_of(day) if device_id else day
    start = day_interval(first, zone).start
    end = day_interval(first + timedelta(days=6 if device_id else 0), zone).end
    devices = [d for d in Device.objects.filter(site=site, active=True) if device_id in (None, d.pk)]
    rows = list_appointments(user_of(request), site, start, end, at=now())
    record(actor_of(request), "calendar.view", user_of(request), at=now(), site=site.code, day=day.isoformat())
    shown = {one.pk for one in devices}
    closed = list_closed(devices, start, end, at=now())
    may_book = Can.PLACE_ORDERS in permissions_of(user_of(request))
    return JsonResponse({
        "resources": [{"id": d.pk, "title": f"{d.ae_title} · {d.room}" if d.room else d.ae_title} for d in devices],
        "events": [_event(row, zone, may_book) for row in rows if row.step.device_id in shown]
        + [_closed_event(row, zone) for row in closed],
    })  # fmt: skip


def _event(row: Appointment, zone: ZoneInfo, may_book: bool) -> dict[str, Any]:
    step, order = row.step, row.step.procedure.order
    marks = [mark for mark, holds in (("overlaps", row.overlaps), (row.late, bool(row.late))) if holds]
    waits = step.state in order_states.WAITING
    return {
        "id": f"step-{step.pk}", "resourceIds": [step.device_id], "start": local_text(step.start, zone),
        "end": local_text(row.end, zone), "title": order.patient.display_name, "editable": waits and may_book,
        "classNames": [f"is-{step.state}", *(f"is-{mark}" for mark in marks)],
        "extendedProps": {
            "step": step.pk, "what": step.description or str(step.procedure), "state": step.state, "marks": marks,
            "priority": order.priority, "minutes": step.minutes, "peek": reverse("scheduling:step", args=[step.pk]),
            "move": reverse("scheduling:move", args=[step.pk]),
        },
    }  # fmt: skip


def _closed_event(row: ClosedTime, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": f"closed-{row.device.pk}-{row.interval.start.timestamp():.0f}", "resourceIds": [row.device.pk],
        "start": local_text(row.interval.start, zone), "end": local_text(row.interval.end, zone),
        "title": row.why, "display": "background", "classNames": ["is-closed"],
    }  # fmt: skip


@require_safe
@page(Can.SEE_ORDERS)
def step(request: HttpRequest, step_id: int) -> HttpResponse:
    """An appointment beside the calendar: who, what, and what can be done with it. Audited."""
    user = user_of(request)
    row = step_for(user, step_id)
    order = row.procedure.order
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    zone = ZoneInfo(order.site.time_zone)
    context = {
        "step": row, "order": order, "patient": order.patient, "waits": row.state in order_states.WAITING, "zone": zone,
        "devices": devices_at(order.site_id, row.modality), "start": local_text(row.start, zone), "at": now(),
        "end": row.start + timedelta(minutes=row.minutes), "may_book": Can.PLACE_ORDERS in permissions_of(user),
        "may_perform": Can.PERFORM_EXAMS in permissions_of(user),
        "waiting": row.waiting_entries.filter(state="waiting").exists(),
    }  # fmt: skip
    with timezone.override(zone):
        return render(request, "scheduling/step.html", context)


@require_POST
@page(Can.PLACE_ORDERS)
def move(request: HttpRequest, step_id: int) -> HttpResponse:
    """Move it, by drag, keys or form: 409 with what speaks against it; again with consent or reason moves it."""
    row = step_for(user_of(request), step_id, Can.PLACE_ORDERS)
    order = row.procedure.order
    minutes = read_id(request.POST["minutes"], at="minutes") if request.POST.get("minutes") else None
    if minutes is not None and minutes > 1440:
        raise Invalid("An exam lasts a day at most.", at="minutes")
    moved = order_services.rebook_step(
        row.pk, start=read_site_moment(request, "start", order.site),
        device_id=read_id(request.POST.get("device", ""), at="device"), minutes=minutes,
        confirmed=bool(request.POST.get("confirmed")),
        overbook_reason=read_overbook_reason(request, order.site_id), actor=actor_of(request), at=now(),
    )  # fmt: skip
    return JsonResponse({"start": local_text(moved.start, ZoneInfo(order.site.time_zone)), "device": moved.device_id})


@require_POST
@page(Can.PLACE_ORDERS)
def call_off(request: HttpRequest, step_id: int) -> HttpResponse:
    """Call it off, with a reason, or say that nobody came: it waits for another time."""
    row = step_for(user_of(request), step_id, Can.PLACE_ORDERS)
    reason, missed = request.POST.get("reason", "").strip()[:250], bool(request.POST.get("missed"))
    if not reason and not missed:
        raise Invalid("Say why.", at="reason")
    services.call_off(row.pk, reason=reason, missed=missed, actor=actor_of(request), at=now())
    said = "Noted as not come" if missed else "Called off"
    return go(request, reverse("scheduling:waiting"), f"{said}: it waits for another time.")


@require_POST
@page(Can.PLACE_ORDERS)
def choose_time(request: HttpRequest) -> HttpResponse:
    """Hold a free time, and go on to who it is for: the form then begins with this time and device."""
    device = read_device(request, Can.PLACE_ORDERS)
    start: datetime = read_site_moment(request, "start", device.site)
    services.hold_time(device, start=start, minutes=15, holder=user_of(request), at=now())
    chosen = {"device": device.ae_title, "site": device.site_id}
    request.session[CHOSEN_TIME] = chosen | {"start": local_text(start, ZoneInfo(device.site.time_zone))}
    return go(request, reverse("orders:find"))


@require_POST
@page(Can.PLACE_ORDERS)
def renew_hold(request: HttpRequest) -> HttpResponse:
    """Hold the chosen time for ten minutes more, while its form is filled in. Raises NotFound where none was chosen."""
    chosen = request.session.get(CHOSEN_TIME)
    device = Device.objects.select_related("site").filter(ae_title=chosen["device"]).first() if chosen else None
    if chosen is None or device is None:
        raise NotFound("No time was chosen.")
    services.renew_holds(user_of(request), at=now())
    return HttpResponse(status=204)
