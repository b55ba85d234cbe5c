"""Free times for a step, why not sooner, the waiting list with its offers, and the sheet that a patient takes along."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record, record_shown
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.values import id_or_none, read_id
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep
from ris.orders.selectors import step_for
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can

from .. import services
from ..rules.intervals import day_interval
from ..selectors.slots import LONGEST_SEARCH, SlotQuestion, find_slots
from ..selectors.waiting import waiting_for
from .forms import local_text, read_day, read_device, read_overbook_reason, read_site_moment


@require_safe
@page(Can.PLACE_ORDERS)
def times(request: HttpRequest, step_id: int) -> HttpResponse:
    """The next free times for a step that waits, and what excluded each earlier one. Audited."""
    user = user_of(request)
    row = step_for(user, step_id, Can.PLACE_ORDERS)
    order, zone = row.procedure.order, ZoneInfo(row.procedure.order.site.time_zone)
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    day = read_day(request, order.site)
    question = slot_question(row, user_id=user.pk)
    if request.GET.get("day"):
        question = replace(question, earliest=day_interval(day, zone).start)
    answer = find_slots(question, most=8, at=now()) if question.procedures else None
    context: dict[str, Any] = {
        "step": row, "order": order, "patient": order.patient, "visit": order.visit, "zone": zone, "day": day,
        "slots": [(visit[0], local_text(visit[0].start, zone)) for visit in answer.visits] if answer else [],
        "reasons": answer.not_sooner if answer else [],
        "waiting": row.waiting_entries.filter(state="waiting").first(),
    }  # fmt: skip
    with timezone.override(zone):
        return render(request, "scheduling/times.html", context)


def slot_question(row: ScheduledStep, *, user_id: int | None) -> SlotQuestion:
    """What to ask for a step: its own exam at its own site; where it is booked now is no hindrance."""
    procedure = row.procedure.procedure
    at = now()
    return SlotQuestion(
        procedures=(procedure,) if procedure else (), site_ids=frozenset({row.procedure.order.site_id}), earliest=at,
        latest=at + LONGEST_SEARCH, urgent=row.procedure.order.priority in ("STAT", "HIGH"), user_id=user_id,
        without_step=row.pk, apart=timedelta(minutes=30),
    )  # fmt: skip


@require_POST
@page(Can.PLACE_ORDERS)
def book(request: HttpRequest, step_id: int) -> HttpResponse:
    """Book a step at a free time; an order that waits for one goes on, and is on the worklist at once."""
    row = step_for(user_of(request), step_id, Can.PLACE_ORDERS)
    order = row.procedure.order
    device = read_device(request, Can.PLACE_ORDERS)
    services.book_waiting(
        row.pk, device, start=read_site_moment(request, "start", order.site),
        overbook_reason=read_overbook_reason(request, order.site_id), actor=actor_of(request), at=now(),
    )  # fmt: skip
    back = id_or_none(request.POST.get("back", ""))  # a closure whose bookings are placed one after the other
    where = reverse("scheduling:closure", args=[back]) if back else reverse("orders:detail", args=[order.pk])
    return go(request, where, "Booked.")


@require_safe
@page(Can.PLACE_ORDERS)
def waiting(request: HttpRequest) -> HttpResponse:
    """Who waits for a time, in the order in which they are asked; and what is offered to them. Audited."""
    user = user_of(request)
    entries = list(waiting_for(user)[:200])
    shown = ((entry, entry.step.procedure.order.patient_id) for entry in entries)
    record_shown(actor_of(request), "waiting.view", shown, at=now())
    at = now()
    rows = [
        (entry, [offer for offer in entry.offers.all() if offer.state == "open" and offer.expires_at > at])
        for entry in entries
    ]
    context = {"rows": rows, "may_book": True, "held": order_states.HELD}
    return render(request, "scheduling/waiting.html", context)


@require_POST
@page(Can.PLACE_ORDERS)
def enter(request: HttpRequest, step_id: int) -> HttpResponse:
    """Have it wait for a sooner time."""
    row = step_for(user_of(request), step_id, Can.PLACE_ORDERS)
    note = request.POST.get("note", "").strip()
    services.put_on_waiting_list(row.pk, earliest=now(), note=note, actor=actor_of(request), at=now())
    return go(request, reverse("scheduling:waiting"), "On the waiting list.")


@require_POST
@page(Can.PLACE_ORDERS)
def withdraw(request: HttpRequest, waiting_entry_id: int) -> HttpResponse:
    """Take it off the list."""
    entry = waiting_for(user_of(request), Can.PLACE_ORDERS).filter(pk=waiting_entry_id).first()
    if entry is None:
        raise NotFound("Nobody waits under this number.")
    services.withdraw_entry(entry.pk, actor=actor_of(request), at=now())
    return go(request, reverse("scheduling:waiting"), "Off the waiting list.")


@require_POST
@page(Can.PLACE_ORDERS)
def answer_offer(request: HttpRequest, waiting_entry_id: int) -> HttpResponse:
    """What the patient says to an offer: ``accept`` books it, ``decline`` lets them go on waiting."""
    entry = waiting_for(user_of(request), Can.PLACE_ORDERS).filter(pk=waiting_entry_id).first()
    offer = entry.offers.filter(pk=read_id(request.POST.get("offer", ""), at="offer")).first() if entry else None
    if offer is None:
        raise NotFound("There is no such offer.")
    if request.POST.get("answer") == "accept":
        services.accept_offer(offer.pk, actor=actor_of(request), at=now())
        return go(request, reverse("scheduling:waiting"), "Booked.")
    if request.POST.get("answer") != "decline":
        raise Invalid("Say whether they accept.", at="answer")
    services.decline_offer(offer.pk, actor=actor_of(request), at=now())
    return go(request, reverse("scheduling:waiting"), "Declined: they go on waiting.")


@require_safe
@page(Can.SEE_ORDERS)
def sheet(request: HttpRequest, step_id: int) -> HttpResponse:
    """The appointment on paper: when by the site's clock, where, what to do before. Audited."""
    row = step_for(user_of(request), step_id)
    order = row.procedure.order
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    zone = ZoneInfo(order.site.time_zone)
    context = {"step": row, "order": order, "patient": order.patient, "end": row.start + timedelta(minutes=row.minutes)}
    with timezone.override(zone):
        return render(request, "scheduling/sheet.html", context)
