"""A sender takes back what it ordered, in whole or in part: as far as it has not been done. And brings it back.

The end is the same whether the cancellation or the exam came first: what has begun stays, flagged for a
person, and is read; the rest is cancelled.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import NotFound
from ris.kernel.events import emit

from .. import states
from ..events import OrderRevised
from ..models import Order, RequestedProcedure, ScheduledStep
from .filling import PERFORMED_THOUGH_CANCELLED, flag, locked_order, unflag
from .placing import cancel_order, cancel_procedure, release_order


@transaction.atomic
def withdraw_order(order_id: int, *, reason: str, actor: Actor, at: datetime) -> bool:
    """Cancel an order as far as it has not begun; whether anything changed. What has begun stays, flagged.

    Raises NotFound.
    """
    order = locked_order(order_id)
    if order.state == states.CANCELLED:
        return False
    begun = _begun(order)
    if not begun:
        cancel_order(order_id, reason=reason, actor=actor, at=at)
        if PERFORMED_THOUGH_CANCELLED in order.flags:
            unflag(order, PERFORMED_THOUGH_CANCELLED)
        return True
    changed = False
    if order.state == states.HELD:
        release_order(order_id, actor=actor, at=at)
        changed = True
    for procedure in order.procedures.exclude(state=states.CANCELLED).exclude(pk__in=begun):
        cancel_procedure(procedure.pk, reason=reason, actor=actor, at=at)
        changed = True
    waiting = ScheduledStep.objects.filter(procedure__in=begun, state__in=states.CANCEL_STEP.sources)
    return _note(order, bool(_cancel(waiting)) or changed, reason, actor, at)


@transaction.atomic
def withdraw_procedure(procedure_id: int, *, reason: str, actor: Actor, at: datetime) -> bool:
    """The same for one procedure of an order."""
    procedure = RequestedProcedure.objects.filter(pk=procedure_id).first()
    if procedure is None:
        raise NotFound("There is no such procedure.")
    order = locked_order(procedure.order_id)
    if procedure.state == states.CANCELLED:
        return False
    if procedure_id not in _begun(order):
        cancel_procedure(procedure_id, reason=reason, actor=actor, at=at)
        return True
    waiting = procedure.steps.filter(state__in=states.CANCEL_STEP.sources)
    return _note(order, bool(_cancel(waiting)), reason, actor, at)


@transaction.atomic
def withdraw_step(step_id: int, *, reason: str, actor: Actor, at: datetime) -> bool:
    """The same for one step of a procedure that goes on otherwise."""
    step = ScheduledStep.objects.select_related("procedure").filter(pk=step_id).first()
    if step is None:
        raise NotFound("There is no such scheduled step.")
    order = locked_order(step.procedure.order_id)
    if step.state == states.CANCELLED:
        return False
    if step.state in states.BEGUN:
        return _note(order, False, reason, actor, at)
    _cancel(ScheduledStep.objects.filter(pk=step_id, state__in=states.CANCEL_STEP.sources))
    _tell(order, "step.withdraw", reason, actor, at)
    return True


@transaction.atomic
def reinstate_procedure(procedure_id: int, *, actor: Actor, at: datetime) -> None:
    """Bring back a procedure that was withdrawn, with its steps. Raises NotFound, Conflict unless it is cancelled."""
    procedure = RequestedProcedure.objects.take(states.REINSTATE, procedure_id)
    steps = procedure.steps.filter(state__in=states.REINSTATE_STEP.sources)
    steps.update(state=states.REINSTATE_STEP.target, version=F("version") + 1)
    _tell(procedure.order, "procedure.reinstate", "", actor, at)


@transaction.atomic
def reinstate_step(step_id: int, *, actor: Actor, at: datetime) -> None:
    """Bring back a step that was withdrawn. Raises NotFound, Conflict unless it is cancelled."""
    step = ScheduledStep.objects.take(states.REINSTATE_STEP, step_id)
    _tell(step.procedure.order, "step.reinstate", "", actor, at)


def _begun(order: Order) -> set[int]:
    """The procedures of which a step is under way or done. All steps are locked: who begins one now waits."""
    steps = ScheduledStep.objects.filter(procedure__order=order).select_for_update(of=("self",)).order_by("pk")
    return {step.procedure_id for step in steps if step.state in states.BEGUN}


def _cancel(steps: object) -> int:
    return int(steps.update(state=states.CANCELLED, version=F("version") + 1))  # type: ignore[attr-defined]


def _note(order: Order, changed: bool, reason: str, actor: Actor, at: datetime) -> bool:
    """Flag the order, and tell of it unless all of that was so before."""
    if not changed and PERFORMED_THOUGH_CANCELLED in order.flags:
        return False
    flag(order, PERFORMED_THOUGH_CANCELLED)
    _tell(order, "order.withdraw", reason, actor, at)
    return True


def _tell(order: Order, action: str, reason: str, actor: Actor, at: datetime) -> None:
    record(actor, action, order, patient_id=order.patient_id, reason=reason, at=at)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
