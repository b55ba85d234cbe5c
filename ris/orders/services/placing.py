"""Orders are placed, held and cancelled."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.db.statements import insert, update
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit
from ris.kernel.states import Step

from .. import states
from ..events import (
    OrderCancelled,
    OrderEvent,
    OrderHeld,
    OrderPlaced,
    OrderReleased,
    OrderRevised,
    ProcedureCancelled,
)
from ..intents import OrderIntent
from ..models import Order, RequestedProcedure, ScheduledStep
from ..selectors import find_order
from .filling import add_procedure, check_accession, check_words, issue_accession, lock_placer, locked_order


@transaction.atomic
def place_order(intent: OrderIntent, *, actor: Actor, at: datetime) -> Order:
    """Take an order in; it is on the modality worklist when this transaction has committed.

    What was not said is issued or inferred: accession number, procedure and step numbers, Study
    Instance UID, modality, device, start (``at``). Unknown codes and stations are accepted and flagged.
    Of two who send the same placer number one wins; the other gets Conflict (code ``duplicate``).
    """
    if not intent.procedures:
        raise Invalid("An order needs at least one procedure.", at="procedures")
    check_words(intent)
    if intent.placer_number:
        lock_placer(intent.placer_authority, intent.placer_number)
        if find_order(intent.placer_authority, intent.placer_number):
            raise Conflict("This placer order number was used before.", at="placer_number", code="duplicate")
    if intent.accession:
        check_accession(intent.accession, intent.patient_id)
    order = insert(
        Order(
            state=states.ACTIVE,
            site_id=intent.site_id,
            patient_id=intent.patient_id,
            accession=intent.accession,
            placer_number=intent.placer_number,
            placer_authority=intent.placer_authority,
            source=intent.source,
            placed_at=intent.placed_at or at,
            **intent.content(),
        )
    )
    if not order.accession:
        order.accession = issue_accession(order)
    order.filler_number = order.filler_number or f"F{order.pk}"
    update(order, "accession", "filler_number")
    for number, procedure in enumerate(intent.procedures, start=1):
        add_procedure(order, procedure, at, nth=number)
    record(actor, "order.place", order, patient_id=order.patient_id, at=at, accession=order.accession)
    emit(OrderPlaced(stream=order.accession, at=at, order_id=order.pk))
    return order


@transaction.atomic
def cancel_order(order_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Cancel an order with all its procedures and the steps that nobody performed.

    Raises Conflict when a step is under way or done (cancelling is then a matter between people), or
    when it is cancelled already.
    """
    order = locked_order(order_id)
    begun = ScheduledStep.objects.filter(procedure__order=order, state__in=[states.STARTED, states.COMPLETED])
    if begun.exists():
        raise Conflict("The exam has begun; discontinue it at the device instead.", at="order", code="begun")
    order = Order.objects.take(states.CANCEL, order_id)
    for procedure in order.procedures.filter(state__in=states.CANCEL.sources):
        _cancel_procedure(procedure)
    record(actor, "order.cancel", order, patient_id=order.patient_id, reason=reason, at=at)
    emit(OrderCancelled(stream=order.accession, at=at, order_id=order.pk))
    return order


def _cancel_procedure(procedure: RequestedProcedure) -> None:
    RequestedProcedure.objects.take(states.CANCEL, procedure.pk)
    procedure.steps.filter(state__in=states.CANCEL_STEP.sources).update(
        state=states.CANCELLED, version=F("version") + 1
    )


@transaction.atomic
def cancel_procedure(procedure_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Cancel one procedure; with the last one the order is cancelled. Refusals as :func:`cancel_order`."""
    procedure = RequestedProcedure.objects.filter(pk=procedure_id).first()
    if procedure is None:
        raise NotFound("There is no such procedure.")
    order = locked_order(procedure.order_id)
    others = order.procedures.exclude(pk=procedure_id).exclude(state=states.CANCELLED)
    if not others.exists():
        return cancel_order(order.pk, reason=reason, actor=actor, at=at)
    if procedure.steps.filter(state__in=[states.STARTED, states.COMPLETED]).exists():
        raise Conflict("The exam has begun; discontinue it at the device instead.", at="order", code="begun")
    _cancel_procedure(procedure)
    record(actor, "procedure.cancel", procedure, patient_id=order.patient_id, reason=reason, at=at)
    emit(ProcedureCancelled(stream=order.accession, at=at, order_id=order.pk, procedure_id=procedure.pk))
    return order


@transaction.atomic
def hold_order(order_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Put an order on hold: its waiting steps are off the worklist until it is released."""
    return _pause(order_id, states.HOLD, OrderHeld, reason, actor, at)


@transaction.atomic
def release_order(order_id: int, *, reason: str = "", actor: Actor, at: datetime) -> Order:
    """Take an order off hold."""
    return _pause(order_id, states.RELEASE, OrderReleased, reason, actor, at)


def _pause(order_id: int, step: Step, event: type[OrderEvent], reason: str, actor: Actor, at: datetime) -> Order:
    order = Order.objects.take(step, order_id)
    order.procedures.filter(state__in=step.sources).update(state=step.target, version=F("version") + 1)
    record(actor, f"order.{step.name}", order, patient_id=order.patient_id, reason=reason, at=at)
    emit(event(stream=order.accession, at=at, order_id=order.pk))
    return order


@transaction.atomic
def number_order(order_id: int, *, placer_number: str, placer_authority: str, actor: Actor, at: datetime) -> Order:
    """The placer has numbered an order that began here (IHE RAD-3: SN, NA).

    Raises NotFound; Conflict when it has a number already, or when another order has this one.
    """
    lock_placer(placer_authority, placer_number)
    order = locked_order(order_id)
    if order.placer_number:
        raise Conflict("This order has a placer number already.", at="placer_number")
    if Order.objects.filter(placer_authority=placer_authority, placer_number=placer_number).exists():
        raise Conflict("This placer order number was used before.", at="placer_number", code="duplicate")
    numbered = {"placer_number": placer_number, "placer_authority": placer_authority}
    Order.objects.filter(pk=order.pk).update(version=F("version") + 1, **numbered)
    record(actor, "order.number", order, patient_id=order.patient_id, at=at)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    order.refresh_from_db()
    return order
