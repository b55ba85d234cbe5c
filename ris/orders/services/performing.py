"""Exams are performed: what devices say (MPPS, IHE RAD-6/7) and technologists do by hand.

What was done to a patient is a fact, so nothing here refuses it for being
unexpected: a cancelled order stands again and is flagged, an unknown one leaves the
performed step without scheduled steps, for a person to reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.catalog.models import Device
from ris.kernel.db.locks import lock_name
from ris.kernel.db.transitions import Stateful
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.kernel.identifiers import new_uid
from ris.kernel.states import Step

from .. import states
from ..events import ExamCompleted, ExamDiscontinued, ExamReturned, ExamStarted, OrderReinstated, ProcedureEvent
from ..intents import PerformedIntent
from ..models import Order, PerformedStep, RequestedProcedure, ScheduledStep
from .filling import PERFORMED_THOUGH_CANCELLED, flag

WRONG_ENTRY = "110514"
"""Discontinuation reason "incorrect worklist entry selected" (PS3.16 CID 9300)."""


@transaction.atomic
def start_exam(intent: PerformedIntent, *, actor: Actor, at: datetime) -> PerformedStep:
    """An exam has begun: every step it refers to is started.

    Raises Conflict (code ``duplicate``) when this MPPS UID is known already.
    """
    uid = intent.mpps_uid or new_uid()
    lock_name(f"mpps:{uid}")
    if PerformedStep.objects.filter(mpps_uid=uid).exists():
        raise Conflict("This performed procedure step exists already.", at="mpps_uid", code="duplicate")
    performed = PerformedStep.objects.create(
        state=states.IN_PROGRESS,
        mpps_uid=uid,
        number=intent.number,
        device=Device.objects.filter(ae_title=intent.station_ae).first(),
        station_ae=intent.station_ae,
        study_uid=intent.study_uid,
        accession=intent.accession,
        modality=intent.modality,
        started_at=intent.started_at,
        by_hand=intent.by_hand,
    )
    performed.steps.set(intent.step_ids)
    procedures = move_steps(performed, states.START, at=at)
    for procedure in procedures:
        tell(ExamStarted, procedure, at)
    record(actor, "exam.start", performed, patient_id=patient_of(procedures), at=at, steps=list(intent.step_ids))
    return performed


@transaction.atomic
def complete_exam(
    mpps_uid: str,
    *,
    ended_at: datetime,
    series: Sequence[dict[str, Any]] = (),
    dose: dict[str, Any] | None = None,
    actor: Actor,
    at: datetime,
) -> PerformedStep:
    """The exam is done. Steps that no other performed step is still at are completed.

    Raises NotFound for an unknown UID, Conflict when it was ended before (PS3.4 F.7.2.2: final states).
    """
    performed = PerformedStep.objects.take(
        states.FINISH_PERFORMED, _pk(mpps_uid), ended_at=ended_at, series=list(series), dose=dose or {}
    )
    _end_by_hand(performed)
    procedures = move_steps(performed, states.COMPLETE, at=at)
    tell_ended(procedures, at)
    record(actor, "exam.complete", performed, patient_id=patient_of(procedures), at=at)
    return performed


@transaction.atomic
def discontinue_exam(
    mpps_uid: str,
    *,
    ended_at: datetime,
    reason_code: str = "",
    series: Sequence[dict[str, Any]] = (),
    dose: dict[str, Any] | None = None,
    actor: Actor,
    at: datetime,
) -> PerformedStep:
    """The exam was broken off. With reason 110514 (wrong worklist entry) it is as if it had not begun.

    Refusals as :func:`complete_exam`.
    """
    performed = PerformedStep.objects.take(
        states.STOP_PERFORMED,
        _pk(mpps_uid),
        ended_at=ended_at,
        reason_code=reason_code,
        series=list(series),
        dose=dose or {},
    )
    wrong_entry = reason_code == WRONG_ENTRY
    _end_by_hand(performed)
    procedures = move_steps(performed, states.RETURN if wrong_entry else states.DISCONTINUE, at=at)
    if wrong_entry:
        for procedure in procedures:
            tell(ExamReturned, procedure, at)
    tell_ended(procedures, at)
    record(actor, "exam.discontinue", performed, patient_id=patient_of(procedures), at=at, reason_code=reason_code)
    return performed


def _pk(mpps_uid: str) -> int:
    pk = PerformedStep.objects.filter(mpps_uid=mpps_uid).values_list("pk", flat=True).first()
    if pk is None:
        raise NotFound("There is no performed procedure step of that UID.", at="mpps_uid")
    return pk


def _end_by_hand(performed: PerformedStep) -> None:
    """The device has spoken: what was said by hand of the same steps, and is still open, ended as it did."""
    if not performed.by_hand:
        said = PerformedStep.objects.filter(by_hand=True, state=states.IN_PROGRESS, steps__in=performed.steps.all())
        ended = said.values_list("pk", flat=True)
        PerformedStep.objects.filter(pk__in=list(ended)).update(
            state=performed.state, ended_at=performed.ended_at, version=F("version") + 1
        )


def move_steps(performed: PerformedStep, step: Step, *, at: datetime) -> list[RequestedProcedure]:
    """Take ``step`` on the scheduled steps of ``performed``, as far as their other performed steps allow.

    Returns the procedures concerned, each once, in order.
    """
    rows = performed.steps.select_related("procedure__order").select_for_update(of=("self",)).order_by("pk")
    concerned: dict[int, RequestedProcedure] = {}
    for row in rows:
        concerned[row.procedure_id] = row.procedure
        others = set(row.performed.exclude(pk=performed.pk).values_list("state", flat=True))
        arrow = _allowed(step, others, performed)
        if row.state == states.CANCELLED and step in (states.START, states.COMPLETE):
            row = _reinstate(row, at)
        if arrow and row.state in arrow.sources:
            ScheduledStep.objects.take(arrow, row.pk)
    return list(concerned.values())


def _reinstate(row: ScheduledStep, at: datetime) -> ScheduledStep:
    """It was cancelled and is performed all the same: its procedure and order stand again, for a person to look at."""
    procedure, order = row.procedure, row.procedure.order
    row = ScheduledStep.objects.take(states.PERFORM_CANCELLED, row.pk)
    flag(order, PERFORMED_THOUGH_CANCELLED)
    rows: tuple[type[Stateful], ...] = (RequestedProcedure, Order)
    for model, pk in zip(rows, (procedure.pk, order.pk), strict=True):
        cancelled = model.objects.filter(pk=pk, state=states.CANCELLED)
        cancelled.update(state=states.REINSTATE.target, version=F("version") + 1)
    emit(OrderReinstated(stream=order.accession, at=at, order_id=order.pk))
    return row


def _allowed(step: Step, others: set[str], performed: PerformedStep) -> Step | None:
    """What ``step`` may become, given the states of the other performed steps of the same scheduled step.

    Who says by hand that it is done knows better than a device that has not said so yet.
    """
    if step is states.START or (performed.by_hand and step is states.COMPLETE):
        return step
    if states.IN_PROGRESS in others:
        return None
    return states.COMPLETE if states.COMPLETED in others else step


def tell_ended(procedures: Iterable[RequestedProcedure], at: datetime) -> None:
    """Tell of each procedure whose last step is over how its exam ended."""
    for procedure in procedures:
        left = set(procedure.steps.exclude(state=states.CANCELLED).values_list("state", flat=True))
        if left == {states.DISCONTINUED}:
            tell(ExamDiscontinued, procedure, at)
        elif left <= {states.COMPLETED, states.DISCONTINUED} and left:
            tell(ExamCompleted, procedure, at)


def tell(event: type[ProcedureEvent], procedure: RequestedProcedure, at: datetime) -> None:
    """Emit an event about the procedure."""
    order = procedure.order
    emit(event(stream=order.accession, at=at, order_id=order.pk, procedure_id=procedure.pk))


def patient_of(procedures: Sequence[RequestedProcedure]) -> int | None:
    """The patient whose exam it is, as far as known."""
    return procedures[0].order.patient_id if procedures else None
