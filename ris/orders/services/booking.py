"""Orders and steps are booked by people, who are asked before a device or a patient is booked twice.

Senders are not asked: what an EMR or a scheduling system books stands (``place_order``, ``reschedule_step``).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Device, Site
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

BOOKING = "booking"
"""Code of the Conflict that asks: the same again with ``confirmed`` books all the same."""


@transaction.atomic
def book_order(intent: OrderIntent, *, confirmed: bool, actor: Actor, at: datetime) -> Order:
    """Place an order for a person. Refusals as :func:`place_order`.

    Raises Conflict (code ``booking``) with what speaks against it, unless ``confirmed``; Invalid at ``start`` for a
    start more than a day ago.
    """
    site = Site.objects.get(pk=intent.site_id)
    bookings = [booking for procedure in intent.procedures for booking in _list_bookings(procedure, site, at)]
    _ask(bookings, site, intent.patient_id, confirmed=confirmed, at=at)
    return place_order(intent, actor=actor, at=at)


@transaction.atomic
def rebook_step(
    step_id: int, *, start: datetime, device_id: int, confirmed: bool, actor: Actor, at: datetime
) -> ScheduledStep:
    """Move a waiting step for a person. Refusals as :func:`reschedule_step` and :func:`book_order`."""
    step = get_step(step_id)
    order = step.procedure.order
    booking = Booking(
        code=step.procedure.code,
        laterality=step.procedure.laterality,
        start=start,
        minutes=step.minutes,
        device=Device.objects.filter(pk=device_id).first(),
        step_id=step.pk,
    )
    _ask([booking], order.site, order.patient_id, confirmed=confirmed, at=at, new=False)
    return reschedule_step(step_id, start=start, device_id=device_id, actor=actor, at=at)


@transaction.atomic
def reschedule_step(step_id: int, *, start: datetime, device_id: int, actor: Actor, at: datetime) -> ScheduledStep:
    """Move a waiting step to another moment (aware) or device of the same site and modality.

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
    minutes = catalog.minutes if catalog else DEFAULT_MINUTES
    modality = procedure.modality or (catalog.modality if catalog else "")
    first = Device.objects.filter(site=site, modality=modality, active=True).order_by("pk").first()
    bookings = []
    for step in procedure.steps or ():
        device = (
            Device.objects.filter(ae_title__in=step.station_aes, active=True).first() if step.station_aes else first
        )
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


def _ask(
    bookings: list[Booking], site: Site, patient_id: int, *, confirmed: bool, at: datetime, new: bool = True
) -> None:
    # Two people who book one slot at once would each find it free: who has the device's name books, the other waits.
    names = sorted({f"device:{booking.device.pk}" for booking in bookings if booking.device})
    if names:
        lock_name(*names)
    doubts = find_booking_doubts(bookings, site=site, patient_id=patient_id, at=at, new=new)
    if doubts and not confirmed:
        raise Conflict(" ".join(doubts), at="start", code=BOOKING)
