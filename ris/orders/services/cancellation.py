"""Orders and procedures are cancelled, held and released."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.kernel.states import Step

from .. import states
from ..events import OrderCancelled, OrderEvent, OrderHeld, OrderReleased, ProcedureCancelled
from ..models import Order, RequestedProcedure, ScheduledStep
from .placement import lock_order


@transaction.atomic
def cancel_order(order_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Cancel an order with all its procedures and the steps that nobody performed.

    Raises Conflict (code ``begun``) when a step is under way or done, Conflict when it is cancelled already.
    """
    order = lock_order(order_id)
    if ScheduledStep.objects.filter(procedure__order=order, state__in=states.BEGUN).exists():
        raise Conflict("The exam has begun; discontinue it at the device instead.", at="order", code="begun")
    order = Order.objects.take(states.CANCEL, order_id)
    for procedure in order.procedures.filter(state__in=states.CANCEL.sources):
        _cancel_steps(procedure)
    record(actor, "order.cancel", order, patient_id=order.patient_id, reason=reason, at=at)
    emit(OrderCancelled(stream=order.accession, at=at, order_id=order.pk))
    return order


@transaction.atomic
def cancel_procedure(procedure_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Cancel one procedure; with the last one the order is cancelled. Refusals as :func:`cancel_order`."""
    procedure = RequestedProcedure.objects.filter(pk=procedure_id).first()
    if procedure is None:
        raise NotFound("There is no such procedure.")
    order = lock_order(procedure.order_id)
    others = order.procedures.exclude(pk=procedure_id).exclude(state=states.CANCELLED)
    if not others.exists():
        return cancel_order(order.pk, reason=reason, actor=actor, at=at)
    if procedure.steps.filter(state__in=states.BEGUN).exists():
        raise Conflict("The exam has begun; discontinue it at the device instead.", at="order", code="begun")
    _cancel_steps(procedure)
    record(actor, "procedure.cancel", procedure, patient_id=order.patient_id, reason=reason, at=at)
    emit(ProcedureCancelled(stream=order.accession, at=at, order_id=order.pk, procedure_id=procedure.pk))
    return order


def _cancel_steps(procedure: RequestedProcedure) -> None:
    RequestedProcedure.objects.take(states.CANCEL, procedure.pk)
    procedure.steps.take_all(states.CANCEL_STEP)


@transaction.atomic
def hold_order(order_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Put an order on hold: its waiting steps are off the worklist until it is released."""
    return _move_order(order_id, states.HOLD, OrderHeld, reason, actor, at)


@transaction.atomic
def release_order(order_id: int, *, reason: str = "", actor: Actor, at: datetime) -> Order:
    """Take an order off hold."""
    return _move_order(order_id, states.RELEASE, OrderReleased, reason, actor, at)


def _move_order(order_id: int, step: Step, event: type[OrderEvent], reason: str, actor: Actor, at: datetime) -> Order:
    order = Order.objects.take(step, order_id)
    order.procedures.take_all(step)
    record(actor, f"order.{step.name}", order, patient_id=order.patient_id, reason=reason, at=at)
    emit(event(stream=order.accession, at=at, order_id=order.pk))
    return order
