"""Orders are held, released and cancelled; a sender withdraws what it ordered, in whole or in part, and reinstates it.

``cancel_*`` are refused once the exam has begun. ``withdraw_*`` are not: the result is the same whether the
cancellation or the exam came first. What has begun stays, is flagged for a person and is read; the rest is cancelled.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.kernel.states import Step

from .. import states
from ..events import OrderCancelled, OrderEvent, OrderHeld, OrderReleased, OrderRevised, ProcedureCancelled
from ..models import Order, RequestedProcedure, ScheduledStep
from .flags import PERFORMED_THOUGH_CANCELLED, add_flag, remove_flags
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
    # With the last procedure the order itself is cancelled: OrderCancelled is emitted, not both events.
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
    """Put an order on hold: its waiting steps are off the worklist until it is released, and their times are free."""
    ScheduledStep.objects.filter(procedure__order=order_id).update(reserved_until=None)
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


@transaction.atomic
def withdraw_order(order_id: int, *, reason: str, actor: Actor, at: datetime) -> bool:
    """Cancel an order as far as it has not begun; return whether anything changed.

    What has begun stays, and the order is flagged. Raises NotFound.
    """
    order = lock_order(order_id)
    if order.state == states.CANCELLED:
        return False
    begun = _begun(order)
    if not begun:
        cancel_order(order_id, reason=reason, actor=actor, at=at)
        if PERFORMED_THOUGH_CANCELLED in order.flags:
            remove_flags(order, PERFORMED_THOUGH_CANCELLED)
        return True
    changed = False
    # What has begun cannot be on hold.
    if order.state == states.HELD:
        release_order(order_id, actor=actor, at=at)
        changed = True
    for procedure in order.procedures.exclude(state=states.CANCELLED).exclude(pk__in=begun):
        cancel_procedure(procedure.pk, reason=reason, actor=actor, at=at)
        changed = True
    cancelled = ScheduledStep.objects.filter(procedure__in=begun).take_all(states.CANCEL_STEP)
    return _flag_begun(order, bool(cancelled) or changed, reason, actor, at)


@transaction.atomic
def withdraw_procedure(procedure_id: int, *, reason: str, actor: Actor, at: datetime) -> bool:
    """As :func:`withdraw_order`, for one procedure."""
    procedure = RequestedProcedure.objects.filter(pk=procedure_id).first()
    if procedure is None:
        raise NotFound("There is no such procedure.")
    order = lock_order(procedure.order_id)
    if procedure.state == states.CANCELLED:
        return False
    if procedure_id not in _begun(order):
        cancel_procedure(procedure_id, reason=reason, actor=actor, at=at)
        return True
    cancelled = procedure.steps.take_all(states.CANCEL_STEP)
    return _flag_begun(order, bool(cancelled), reason, actor, at)


@transaction.atomic
def withdraw_step(step_id: int, *, reason: str, actor: Actor, at: datetime) -> bool:
    """As :func:`withdraw_order`, for one step of a procedure whose other steps stay."""
    step = ScheduledStep.objects.select_related("procedure").filter(pk=step_id).first()
    if step is None:
        raise NotFound("There is no such scheduled step.")
    order = lock_order(step.procedure.order_id)
    if step.state == states.CANCELLED:
        return False
    if step.state in states.BEGUN:
        return _flag_begun(order, False, reason, actor, at)
    ScheduledStep.objects.filter(pk=step_id).take_all(states.CANCEL_STEP)
    _emit_revised(order, "step.withdraw", reason, actor, at)
    return True


@transaction.atomic
def reinstate_procedure(procedure_id: int, *, actor: Actor, at: datetime) -> None:
    """Reinstate a procedure that was withdrawn, with its steps. Raises NotFound; Conflict unless it is cancelled."""
    procedure = RequestedProcedure.objects.take(states.REINSTATE, procedure_id)
    procedure.steps.take_all(states.REINSTATE_STEP)
    _emit_revised(procedure.order, "procedure.reinstate", "", actor, at)


@transaction.atomic
def reinstate_step(step_id: int, *, actor: Actor, at: datetime) -> None:
    """Reinstate a step that was withdrawn. Raises NotFound; Conflict unless it is cancelled."""
    step = ScheduledStep.objects.take(states.REINSTATE_STEP, step_id)
    _emit_revised(step.procedure.order, "step.reinstate", "", actor, at)


def _begun(order: Order) -> set[int]:
    """The primary keys of the procedures of which a step is under way or done.

    All steps are locked, in the order of their keys as everywhere: who begins one now waits for this transaction.
    """
    steps = ScheduledStep.objects.filter(procedure__order=order).select_for_update(of=("self",)).order_by("pk")
    return {step.procedure_id for step in steps if step.state in states.BEGUN}


def _flag_begun(order: Order, changed: bool, reason: str, actor: Actor, at: datetime) -> bool:
    """Flag the order and emit it, unless nothing changed and it was flagged before; return whether it was emitted."""
    if not changed and PERFORMED_THOUGH_CANCELLED in order.flags:
        return False
    add_flag(order, PERFORMED_THOUGH_CANCELLED)
    _emit_revised(order, "order.withdraw", reason, actor, at)
    return True


def _emit_revised(order: Order, action: str, reason: str, actor: Actor, at: datetime) -> None:
    record(actor, action, order, patient_id=order.patient_id, reason=reason, at=at)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
