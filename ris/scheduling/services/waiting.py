"""The waiting list: who waits for a time or a sooner one, and free times that are offered to them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Device
from ris.kernel.errors import Conflict, NotFound
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep
from ris.orders.selectors import get_step
from ris.orders.services import rebook_step, release_order

from .. import states
from ..models import Offer, WaitingEntry
from ..selectors.waiting import list_fitting

OFFER_FOR = timedelta(hours=2)
MOST_OFFERS = 3
"""So many are asked about one free time; the first to accept has it."""


@transaction.atomic
def put_on_waiting_list(
    step_id: int,
    *,
    earliest: datetime,
    wanted_by: datetime | None = None,
    note: str = "",
    actor: Actor,
    at: datetime,
) -> WaitingEntry:
    """Have a step wait for a time, or, while it has one, for a sooner one; once. Raises NotFound, Conflict."""
    step = get_step(step_id)
    if step.state not in order_states.WAITING:
        raise Conflict("This exam has begun or is over.", at="step")
    entry, fresh = WaitingEntry.objects.get_or_create(
        step=step, state=states.WAITING,
        defaults={"earliest": earliest, "wanted_by": wanted_by, "note": note[:250], "entered_at": at},
    )  # fmt: skip
    if fresh:
        record(actor, "waiting.enter", entry, patient_id=step.procedure.order.patient_id, at=at, step=step.pk)
    return entry


@transaction.atomic
def withdraw_entry(entry_id: int, *, actor: Actor, at: datetime) -> WaitingEntry:
    """Take it off the list; its open offers run out. Raises NotFound, Conflict."""
    entry = WaitingEntry.objects.take(states.WITHDRAW, entry_id)
    entry.offers.filter(state=states.OPEN).update(state=states.EXPIRED)
    record(actor, "waiting.withdraw", entry, patient_id=entry.step.procedure.order.patient_id, at=at)
    return entry


@transaction.atomic
def offer_time(entry_id: int, device: Device, *, start: datetime, actor: Actor, at: datetime) -> Offer:
    """Offer a free time, for two hours, or until it begins. Raises NotFound, Conflict where it was offered before."""
    entry = WaitingEntry.objects.filter(pk=entry_id, state=states.WAITING).first()
    if entry is None:
        raise NotFound("Nobody waits under this number.")
    offer, fresh = Offer.objects.get_or_create(
        entry=entry, device=device, start=start,
        defaults={"made_at": at, "expires_at": min(at + OFFER_FOR, start)},
    )  # fmt: skip
    if not fresh:
        raise Conflict("This time was offered to them before.", at="start")
    record(actor, "waiting.offer", offer, patient_id=entry.step.procedure.order.patient_id, at=at)
    return offer


@transaction.atomic
def accept_offer(offer_id: int, *, actor: Actor, at: datetime) -> ScheduledStep:
    """Book who waited at the time that was offered. Of several to whom one time was offered the first has it.

    Raises NotFound; Conflict when the offer has run out or its time is taken.
    """
    offer = Offer.objects.select_related("entry__step__procedure__order").filter(pk=offer_id).first()
    if offer is None:
        raise NotFound("There is no such offer.")
    if offer.expires_at <= at:
        raise Conflict("This offer has run out.", at="offer")
    Offer.objects.take(states.ACCEPT, offer.pk)
    WaitingEntry.objects.take(states.BOOK, offer.entry_id)
    step, order = offer.entry.step, offer.entry.step.procedure.order
    if order.state == order_states.HELD:
        release_order(order.pk, actor=actor, at=at)
    moved = rebook_step(step.pk, start=offer.start, device_id=offer.device_id, confirmed=True, actor=actor, at=at)
    same_time = Offer.objects.filter(state=states.OPEN, device=offer.device, start=offer.start)
    (same_time | Offer.objects.filter(state=states.OPEN, entry=offer.entry)).update(state=states.EXPIRED)
    record(actor, "waiting.accept", offer, patient_id=order.patient_id, at=at)
    return moved


@transaction.atomic
def book_waiting(
    step_id: int, device: Device, *, start: datetime, overbook_reason: str = "", actor: Actor, at: datetime
) -> ScheduledStep:
    """Book a step at a time that somebody chose for it; an order on hold goes on, and the step waits no more.

    Refusals as :func:`ris.orders.services.rebook_step`; what is merely odd is not asked: the time was chosen.
    """
    order = get_step(step_id).procedure.order
    if order.state == order_states.HELD:
        release_order(order.pk, actor=actor, at=at)
    moved = rebook_step(
        step_id, start=start, device_id=device.pk, confirmed=True, overbook_reason=overbook_reason, actor=actor, at=at
    )
    WaitingEntry.objects.filter(step=step_id).take_all(states.BOOK)
    Offer.objects.filter(entry__step=step_id).take_all(states.EXPIRE)
    return moved


@transaction.atomic
def decline_offer(offer_id: int, *, actor: Actor, at: datetime) -> Offer:
    """They do not want it, and go on waiting. Raises NotFound, Conflict."""
    offer = Offer.objects.take(states.DECLINE, offer_id)
    record(actor, "waiting.decline", offer, patient_id=offer.entry.step.procedure.order.patient_id, at=at)
    return offer


@transaction.atomic
def offer_freed(step: ScheduledStep, *, actor: Actor, at: datetime) -> list[Offer]:
    """Offer the time that a step gave back to those who wait and whose exam fills it best. Safe to call twice."""
    if step.device is None or step.start <= at:
        return []
    known = set(Offer.objects.filter(device=step.device, start=step.start).values_list("entry_id", flat=True))
    fitting = [entry for entry in list_fitting(step, at=at) if entry.pk not in known]
    return [
        offer_time(entry.pk, step.device, start=step.start, actor=actor, at=at)
        for entry in fitting[: max(0, MOST_OFFERS - len(known))]
    ]
