"""Performed steps: exams begin and end, as devices say (MPPS, IHE RAD-6, RAD-7) or a technologist by hand.

What was done to a patient is a fact, so nothing here is refused for being unexpected. A cancelled order
is reinstated and flagged; an exam of no known order is kept without scheduled steps, for a person to reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Device
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.kernel.states import Step
from ris.kernel.values import new_uid

from .. import states
from ..events import (
    ExamCompleted,
    ExamDiscontinued,
    ExamResumed,
    ExamReturned,
    ExamStarted,
    OrderReinstated,
    ProcedureEvent,
)
from ..intents import PerformedIntent
from ..models import Order, PerformedStep, RequestedProcedure, ScheduledStep
from .flags import PERFORMED_THOUGH_CANCELLED, PERFORMED_UNDER_OTHER_STUDY, add_flag
from .studies import adopt_study, flag_other_study, release_study

WRONG_ENTRY = "110514"
"""Discontinuation reason "incorrect worklist entry selected" (PS3.16 CID 9300)."""


@transaction.atomic
def start_exam(intent: PerformedIntent, *, actor: Actor, at: datetime) -> PerformedStep:
    """Write down that an exam has begun, and start every step it refers to.

    Raises Conflict (code ``duplicate``) when this MPPS UID is known already.
    """
    uid = intent.mpps_uid or new_uid()
    # A device that repeats its N-CREATE waits here for the first; there is no row to lock yet.
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
        protocol_codes=[[code.value, code.text, code.system] for code in intent.protocols],
    )
    _adopt_studies(intent, at=at)
    performed.steps.set(intent.step_ids)
    resumed = _resume_steps(performed)
    procedures = move_steps(performed, states.START, at=at)
    for procedure in procedures:
        emit_for_procedure(ExamResumed if procedure.pk in resumed else ExamStarted, procedure, at)
    record(actor, "exam.start", performed, patient_id=patient_of(procedures), at=at, steps=list(intent.step_ids))
    return performed


def _adopt_studies(intent: PerformedIntent, *, at: datetime) -> None:
    """What was performed wins: each procedure has the study that the device named with its step."""
    steps = ScheduledStep.objects.select_related("procedure__order").in_bulk([pk for pk, _ in intent.step_studies])
    for pk, study_uid in intent.step_studies:
        procedure = steps[pk].procedure
        if adopt_study(procedure, study_uid, at=at):
            flag_other_study(procedure, at=at)


def _resume_steps(performed: PerformedStep) -> set[int]:
    """Start steps again that were completed before this exam of them began (append case); their procedures' keys."""
    done = performed.steps.filter(state__in=states.RESUME.sources).select_for_update(of=("self",)).order_by("pk")
    resumed = {step.pk: step.procedure_id for step in done}
    for pk in resumed:
        ScheduledStep.objects.take(states.RESUME, pk)
    return set(resumed.values())


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
    """Complete the exam, and those of its steps that no other performed step is still at.

    Raises NotFound for an unknown UID, Conflict when it was ended before (PS3.4 F.7.2.2: final states).
    """
    performed = PerformedStep.objects.take(
        states.FINISH_PERFORMED, _get_pk(mpps_uid), ended_at=ended_at, series=list(series), dose=dose or {}
    )
    _end_by_hand(performed)
    procedures = move_steps(performed, states.COMPLETE, at=at)
    emit_ended(procedures, at)
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
    """Discontinue the exam. With reason 110514 (wrong worklist entry) its steps wait again.

    Refusals as :func:`complete_exam`.
    """
    performed = PerformedStep.objects.take(
        states.STOP_PERFORMED,
        _get_pk(mpps_uid),
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
            # Images made under the wrong entry are of somebody else: the next exam must not be filed among them.
            if series or PERFORMED_UNDER_OTHER_STUDY in procedure.order.flags:
                release_study(performed, procedure)
            emit_for_procedure(ExamReturned, procedure, at)
    emit_ended(procedures, at)
    record(actor, "exam.discontinue", performed, patient_id=patient_of(procedures), at=at, reason_code=reason_code)
    return performed


def _get_pk(mpps_uid: str) -> int:
    pk = PerformedStep.objects.filter(mpps_uid=mpps_uid).values_list("pk", flat=True).first()
    if pk is None:
        raise NotFound("There is no performed procedure step of that UID.", at="mpps_uid")
    return pk


def _end_by_hand(performed: PerformedStep) -> None:
    """End the open entries that people made by hand for the same steps, as the device ended its own."""
    if not performed.by_hand:
        entries = PerformedStep.objects.filter(by_hand=True, state=states.IN_PROGRESS, steps__in=performed.steps.all())
        # The keys are read first: an UPDATE cannot join the table of links.
        keys = list(entries.values_list("pk", flat=True))
        end = states.FINISH_PERFORMED if performed.state == states.COMPLETED else states.STOP_PERFORMED
        PerformedStep.objects.filter(pk__in=keys).take_all(end, ended_at=performed.ended_at)


def move_steps(performed: PerformedStep, step: Step, *, at: datetime) -> list[RequestedProcedure]:
    """Take ``step`` on the scheduled steps of ``performed``, as far as their other performed steps allow.

    Returns the procedures concerned, each once, in the order of their steps.
    """
    # Rows are locked in the order of their keys, as in withdrawal: two who lock several never wait for each other.
    rows = performed.steps.select_related("procedure__order").select_for_update(of=("self",)).order_by("pk")
    concerned: dict[int, RequestedProcedure] = {}
    for row in rows:
        concerned[row.procedure_id] = row.procedure
        others = set(row.performed.exclude(pk=performed.pk).values_list("state", flat=True))
        allowed = _allowed_step(step, others, performed)
        if allowed is states.RETURN and row.arrived_at is not None:
            allowed = states.RETURN_ARRIVED  # the patient who arrived is still here
        if row.state == states.CANCELLED and step in (states.START, states.COMPLETE):
            row = _reinstate(row, at)
        if allowed and row.state in allowed.sources:
            ScheduledStep.objects.take(allowed, row.pk)
    return list(concerned.values())


def _reinstate(row: ScheduledStep, at: datetime) -> ScheduledStep:
    """Reinstate a cancelled step that is performed all the same, with its procedure and order, and flag the order."""
    procedure, order = row.procedure, row.procedure.order
    row = ScheduledStep.objects.take(states.PERFORM_CANCELLED, row.pk)
    add_flag(order, PERFORMED_THOUGH_CANCELLED)
    # Either may be active: one step of several was cancelled, or one procedure.
    RequestedProcedure.objects.filter(pk=procedure.pk).take_all(states.REINSTATE)
    Order.objects.filter(pk=order.pk).take_all(states.REINSTATE)
    emit(OrderReinstated(stream=order.accession, at=at, order_id=order.pk))
    return row


def _allowed_step(step: Step, others: set[str], performed: PerformedStep) -> Step | None:
    """What ``step`` becomes, given the states of the other performed steps of the same scheduled step.

    A completion by hand counts even while a device has not ended its own performed step.
    """
    if step is states.START or (performed.by_hand and step is states.COMPLETE):
        return step
    if states.IN_PROGRESS in others:
        return None
    return states.COMPLETE if states.COMPLETED in others else step


def emit_ended(procedures: Iterable[RequestedProcedure], at: datetime) -> None:
    """Emit how the exam ended, for each procedure whose last step is over."""
    for procedure in procedures:
        ends = set(procedure.steps.exclude(state=states.CANCELLED).values_list("state", flat=True))
        if ends == {states.DISCONTINUED}:
            emit_for_procedure(ExamDiscontinued, procedure, at)
        elif ends and ends <= {states.COMPLETED, states.DISCONTINUED}:
            emit_for_procedure(ExamCompleted, procedure, at)


def emit_for_procedure(event: type[ProcedureEvent], procedure: RequestedProcedure, at: datetime) -> None:
    """Emit an event about the procedure."""
    order = procedure.order
    emit(event(stream=order.accession, at=at, order_id=order.pk, procedure_id=procedure.pk))


def patient_of(procedures: Sequence[RequestedProcedure]) -> int | None:
    """The patient whose exam it is, as far as known."""
    return procedures[0].order.patient_id if procedures else None
