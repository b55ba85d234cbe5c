"""The device board: who is where, moved by MPPS and, where a device sends none, by hand."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Device, Site
from ris.kernel.clock import now
from ris.kernel.values.moments import day_or_none
from ris.people.edge import actor_of, user_of
from ris.people.http import page, toast
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from .. import selectors, services, states
from ..models import ScheduledStep
from ..services.performed_steps import WRONG_ENTRY

_ORDER = {states.STARTED: 0, states.ARRIVED: 1, states.SCHEDULED: 2, states.COMPLETED: 3, states.DISCONTINUED: 4}


@require_safe
@page(Can.SEE_ORDERS)
def board(request: HttpRequest) -> HttpResponse:
    """A day on the devices of a site. With ``part=1`` the lanes alone, as the page asks for them again."""
    user = user_of(request)
    day = _day(request)
    sites = list(sites_for(user, Can.SEE_ORDERS))
    site = next((s for s in sites if str(s.pk) == request.GET.get("site")), sites[0] if sites else None)
    context: dict[str, Any] = {
        "lanes": _lanes(user, site, day) if site else [],
        "site": site,
        "sites": sites,
        "day": day,
        "today": day == timezone.localdate(),
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "may_perform": Can.PERFORM_EXAMS in permissions_of(user),
    }
    if request.GET.get("part"):
        return render(request, "orders/lanes.html", context)
    record(actor_of(request), "board.view", user, at=now(), day=day.isoformat())
    return render(request, "orders/board.html", context)


def _day(request: HttpRequest) -> date:
    return day_or_none(request.GET.get("day", "")) or timezone.localdate()


def _lanes(user: User, site: Site, day: date) -> list[dict[str, Any]]:
    since = timezone.make_aware(datetime.combine(day, time.min))
    until = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
    by_device: dict[int | None, list[ScheduledStep]] = defaultdict(list)
    steps = selectors.board_steps(user, since=since, until=until).filter(procedure__order__site=site)
    for step in steps.select_related("procedure__order__visit"):
        by_device[step.device_id].append(step)
    lanes = [_lane(device, by_device[device.pk]) for device in Device.objects.filter(site=site, active=True)]
    return [*lanes, _lane(None, by_device[None])] if by_device[None] else lanes


def _lane(device: Device | None, steps: list[ScheduledStep]) -> dict[str, Any]:
    steps.sort(key=lambda step: (_ORDER.get(step.state, 9), step.start, step.pk))
    counts = {state: sum(step.state == state for step in steps) for state in _ORDER}
    return {"device": device, "steps": steps, "counts": counts}


@require_safe
@page(Can.SEE_ORDERS)
def step(request: HttpRequest, step_id: int) -> HttpResponse:
    """What a technologist looks at before the exam begins. Audited."""
    user = user_of(request)
    found = selectors.step_for(user, step_id)
    order = found.procedure.order
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    context = {"step": found, "order": order, "patient": order.patient, "visit": order.visit,
               "may_perform": Can.PERFORM_EXAMS in permissions_of(user)}  # fmt: skip
    return render(request, "orders/step.html", context)


@require_POST
@page(Can.PERFORM_EXAMS)
def arrive(request: HttpRequest, step_id: int) -> HttpResponse:
    """The patient is here."""
    found = _step(request, step_id)
    services.arrive(found.pk, actor=actor_of(request), at=now())
    return _moved("Arrived.", undo=reverse("orders:undo-arrival", args=[found.pk]))


@require_POST
@page(Can.PERFORM_EXAMS)
def undo_arrival(request: HttpRequest, step_id: int) -> HttpResponse:
    """The patient is not here after all."""
    services.undo_arrival(_step(request, step_id).pk, actor=actor_of(request), at=now())
    return _moved("Undone: scheduled again.")


@require_POST
@page(Can.PERFORM_EXAMS)
def start(request: HttpRequest, step_id: int) -> HttpResponse:
    """The exam begins."""
    found = _step(request, step_id)
    services.start_by_hand(found.pk, actor=actor_of(request), at=now())
    return _moved("Started.", undo=reverse("orders:undo-start", args=[found.pk]))


@require_POST
@page(Can.PERFORM_EXAMS)
def undo_start(request: HttpRequest, step_id: int) -> HttpResponse:
    """It was the wrong entry: as if it had not begun."""
    found = _step(request, step_id)
    services.discontinue_by_hand(found.pk, reason_code=WRONG_ENTRY, actor=actor_of(request), at=now())
    return _moved("Undone: back to scheduled.")


@require_POST
@page(Can.PERFORM_EXAMS)
def complete(request: HttpRequest, step_id: int) -> HttpResponse:
    """The exam is done."""
    services.complete_by_hand(_step(request, step_id).pk, actor=actor_of(request), at=now())
    return _moved("Done. The case is on the reading list when all of its steps are.")


@require_POST
@page(Can.PERFORM_EXAMS)
def discontinue(request: HttpRequest, step_id: int) -> HttpResponse:
    """The exam is broken off, with a coded reason (PS3.16 CID 9300)."""
    code = request.POST.get("reason_code", "")
    services.discontinue_by_hand(_step(request, step_id).pk, reason_code=code, actor=actor_of(request), at=now())
    return _moved("Discontinued.")


def _step(request: HttpRequest, step_id: int) -> ScheduledStep:
    return selectors.step_for(user_of(request), step_id, Can.PERFORM_EXAMS)


def _moved(text: str, *, undo: str = "") -> HttpResponse:
    response = HttpResponse(status=204, headers={"HX-Trigger": '{"moved": true}'})
    return toast(response, text, undo=undo)
