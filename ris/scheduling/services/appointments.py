"""A time is held while a form is filled in; an appointment is called off, or its patient did not come."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Device
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.events import emit
from ris.orders import states as order_states
from ris.orders.events import AppointmentCalledOff, AppointmentMissed
from ris.orders.models import ScheduledStep
from ris.orders.selectors import get_step
from ris.orders.selectors_booking import Booking, find_overlaps
from ris.orders.services import hold_order
from ris.orders.services.reservation import TAKEN
from ris.people.models import User

from ..models import Hold
from .waiting import put_on_waiting_list

HOLD_FOR = timedelta(minutes=10)
"""From the last key: the form renews it while somebody types."""


@transaction.atomic
def hold_time(device: Device, *, start: datetime, minutes: int, holder: User, at: datetime) -> Hold:
    """Hold the device for who books it; what they held before is let go.

    Raises Conflict (code ``taken``) where it is booked, or held by somebody else.
    """
    lock_name(f"device:{device.pk}")  # as in book_order: of two who want one time the second sees the first
    end = start + timedelta(minutes=minutes)
    Hold.objects.filter(device=device, expires_at__lte=at).delete()
    release_holds(holder)
    if Hold.objects.filter(device=device, start__lt=end, until__gt=start).exists():
        raise Conflict(f"Somebody is booking {device.ae_title} for that time at this moment.", at="start", code=TAKEN)
    taken = find_overlaps(Booking(code="", laterality="", start=start, minutes=minutes, device=device), device.site)
    if taken:
        raise Conflict(" ".join(taken), at="start", code=TAKEN)
    return Hold.objects.create(device=device, start=start, until=end, holder=holder, expires_at=at + HOLD_FOR)


def release_holds(holder: User) -> None:
    """Let go of what the user holds."""
    Hold.objects.filter(holder=holder).delete()


def renew_holds(holder: User, *, at: datetime) -> int:
    """Hold what the user holds for ten minutes more; how many times there are that have not run out."""
    return Hold.objects.filter(holder=holder, expires_at__gt=at).update(expires_at=at + HOLD_FOR)


@transaction.atomic
def call_off(step_id: int, *, reason: str, missed: bool = False, actor: Actor, at: datetime) -> ScheduledStep:
    """Call an appointment off, or note that its patient did not come (``missed``): the order waits for another time.

    In one transaction its time is free, it is off the modality worklist (the order is on hold), the step is on the
    waiting list, and other systems are told (SIU S15, S26). Raises NotFound; Conflict when the exam has begun or is
    over; Invalid for a missed one that lies ahead.
    """
    step = get_step(step_id)
    order = step.procedure.order
    if step.state not in order_states.WAITING or order.state != order_states.ACTIVE:
        raise Conflict("This appointment is over, or is called off already.", at="step")
    if missed and step.state == order_states.ARRIVED:
        raise Conflict("The patient is here. Undo the arrival first.", at="step")
    if missed and step.start > at:
        raise Invalid("This appointment lies ahead: nobody has missed it yet.", at="step")
    hold_order(order.pk, reason=reason or "The patient did not come.", actor=actor, at=at)
    put_on_waiting_list(step.pk, earliest=at, note=reason, actor=actor, at=at)
    record(
        actor, "step.missed" if missed else "step.call-off", step, patient_id=order.patient_id, at=at,
        order=order.pk, reason=reason,
    )  # fmt: skip
    event = AppointmentMissed if missed else AppointmentCalledOff
    emit(event(stream=order.accession, at=at, order_id=order.pk, procedure_id=step.procedure_id, step_id=step.pk))
    return step.reread()
