"""Orders and steps are booked by people, who are asked before a device or a patient is booked twice.

Senders are not asked: what an EMR or a scheduling system books stands (``place_order``, ``reschedule_step``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Device, Site
from ris.catalog.selectors import minutes_on
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.events import emit

from .. import states
from ..events import StepRescheduled
from ..intents import OrderIntent, ProcedureIntent
from ..models import Order, ScheduledStep
from ..selectors import get_step
from ..selectors_booking import Booking, find_booking_doubts
from ..selectors_catalog import find_catalog_procedure
from .placement import DEFAULT_MINUTES, place_order
from .reservation import TAKEN, reserve

BOOKING = "booking"
"""Code of the Conflict that asks: the same again with ``confirmed`` books all the same."""


@transaction.atomic
def book_order(intent: OrderIntent, *, confirmed: bool, overbook_reason: str = "", actor: Actor, at: datetime) -> Order:
    """Place an order for a person, and reserve its devices. Refusals as :func:`place_order`.

    Raises Conflict (code ``taken``) for a time that is not free, unless there is an ``overbook_reason`` (the caller has
    asked whether the person may overbook) or the order is STAT; Conflict (code ``booking``) with what else speaks
    against it, unless ``confirmed``; Invalid at ``start`` for a start more than a day ago.
    """
    site = Site.objects.get(pk=intent.site_id)
    listed = [_list_bookings(procedure, site, at) for procedure in intent.procedures]
    bookings = [booking for of_procedure in listed for booking in of_procedure]
    reason = overbook_reason or ("STAT" if intent.priority == "STAT" and confirmed else "")
    consent = Consent(confirmed=confirmed, reason=reason, urgent=intent.priority == "STAT")
    overbooked = _ask(bookings, site, intent.patient_id, consent, actor=actor, at=at)
    order = place_order(_with_minutes(intent, listed), actor=actor, at=at)
    steps = ScheduledStep.objects.filter(procedure__order=order).order_by("procedure__pk", "pk")
    # Without a time that was said, or a step, nothing was chosen that could be reserved.
    for step, booking in zip(steps, bookings, strict=False):
        if booking.device is not None and booking.device.pk == step.device_id:
            _reserve(step, overbooked, actor, at)
    return order


@transaction.atomic
def rebook_step(
    step_id: int,
    *,
    start: datetime,
    device_id: int,
    minutes: int | None = None,
    confirmed: bool,
    overbook_reason: str = "",
    actor: Actor,
    at: datetime,
) -> ScheduledStep:
    """Move a waiting step for a person, and reserve its device; ``minutes``: another duration.

    Refusals as :func:`reschedule_step` and :func:`book_order`.
    """
    step = get_step(step_id)
    device = Device.objects.filter(pk=device_id).first()
    if minutes is None:
        minutes = step.minutes
        if device is not None and device_id != step.device_id:
            minutes = minutes_on(device, step.procedure.procedure) or minutes
    order = step.procedure.order
    booking = Booking(
        code=step.procedure.code,
        laterality=step.procedure.laterality,
        start=start,
        minutes=minutes,
        device=device,
        step_id=step.pk,
    )
    urgent = order.priority == "STAT"
    reason = overbook_reason or ("STAT" if urgent and confirmed else "")
    consent = Consent(confirmed=confirmed, reason=reason, urgent=urgent)
    overbooked = _ask([booking], order.site, order.patient_id, consent, actor=actor, at=at, new=False)
    moved = reschedule_step(step_id, start=start, device_id=device_id, minutes=minutes, actor=actor, at=at)
    _reserve(moved, overbooked, actor, at)
    return moved.reread()


@transaction.atomic
def reschedule_step(
    step_id: int, *, start: datetime, device_id: int, minutes: int | None = None, actor: Actor, at: datetime
) -> ScheduledStep:
    """Move a waiting step to another moment (aware) or device of the same site and modality; it reserves nothing then.

    Raises NotFound, Conflict when the step has begun or is over, Invalid for a device that cannot do it.
    """
    step = get_step(step_id)
    device = Device.objects.filter(pk=device_id, active=True).first()
    order = step.procedure.order
    if device is None or device.site_id != order.site_id or device.modality != step.modality:
        raise Invalid("Choose an active device of the same site and modality.", at="device")
    moved = ScheduledStep.objects.take(
        states.RESCHEDULE.get(step.state, states.RESCHEDULE[states.SCHEDULED]),
        step_id,
        start=start,
        minutes=minutes or step.minutes,
        reserved_until=None,
        overbooked="",
        device=device,
        station_aes=[device.ae_title],
        station_names=[device.name],
        location=device.room,
    )
    record(actor, "step.reschedule", moved, patient_id=order.patient_id, at=at, order=order.pk)
    emit(
        StepRescheduled(
            stream=order.accession, at=at, order_id=order.pk, procedure_id=step.procedure_id, step_id=step_id
        )
    )
    return moved


def _list_bookings(procedure: ProcedureIntent, site: Site, at: datetime) -> list[Booking]:
    """What a procedure takes of which device. A start that was not said is now, and cannot be chosen badly."""
    catalog = find_catalog_procedure(procedure.code, *procedure.alternates)
    modality = procedure.modality or (catalog.modality if catalog else "")
    first = Device.objects.filter(site=site, modality=modality, active=True).order_by("pk").first()
    bookings = []
    for step in procedure.steps or ():
        device = (
            Device.objects.filter(ae_title__in=step.station_aes, active=True).first() if step.station_aes else first
        )
        minutes = minutes_on(device, catalog) or (catalog.minutes if catalog else DEFAULT_MINUTES)
        bookings.append(
            Booking(
                code=procedure.code.value,
                laterality=procedure.laterality or (catalog.laterality if catalog else ""),
                start=step.start or at,
                minutes=step.minutes or minutes,
                device=device if step.start else None,
            )
        )
    return bookings


def _with_minutes(intent: OrderIntent, listed: list[list[Booking]]) -> OrderIntent:
    """The intent with the durations that the devices need."""
    procedures = tuple(
        replace(procedure, steps=tuple(replace(s, minutes=b.minutes) for s, b in zip(procedure.steps, of, strict=True)))
        for procedure, of in zip(intent.procedures, listed, strict=True)
    )
    return replace(intent, procedures=procedures)


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person has said to what speaks against a booking. ``urgent``: a STAT exam, for which others wait."""

    confirmed: bool
    reason: str
    urgent: bool


def _ask(
    bookings: list[Booking],
    site: Site,
    patient_id: int,
    consent: Consent,
    *,
    actor: Actor,
    at: datetime,
    new: bool = True,
) -> str:
    """Why a time that is not free is booked all the same; empty where all are free. Raises Conflict."""
    # Two people who book one slot at once would each find it free: who has the device's name books, the other waits.
    names = sorted({f"device:{booking.device.pk}" for booking in bookings if booking.device})
    if names:
        lock_name(*names)
    doubts = find_booking_doubts(bookings, site=site, patient_id=patient_id, at=at, user_id=actor.user_id, new=new)
    firm = [doubt.text for doubt in doubts if doubt.firm]
    if firm and not consent.reason and not consent.urgent:
        raise Conflict(" ".join(firm), at="start", code=TAKEN)
    if doubts and not consent.confirmed and (not consent.reason or len(firm) < len(doubts)):
        raise Conflict(" ".join(doubt.text for doubt in doubts), at="start", code=BOOKING)
    return consent.reason if firm else ""


def _reserve(step: ScheduledStep, overbooked: str, actor: Actor, at: datetime) -> None:
    reserve(step, overbooked=overbooked)
    if overbooked:
        order = step.procedure.order
        record(actor, "step.overbook", step, patient_id=order.patient_id, at=at, order=order.pk, reason=overbooked)
