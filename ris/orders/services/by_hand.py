"""Exams that a technologist starts and ends by hand, where a device sends no MPPS; and takes back at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict
from ris.kernel.events import emit
from ris.people.models import User

from .. import states
from ..events import ExamReopened, OrderRevised, PatientArrived
from ..intents import PerformedIntent
from ..models import AskedQuestion, PerformedStep, ScheduledStep
from ..questions import Question
from ..selectors import find_performed, get_step
from .performed_steps import WRONG_ENTRY, complete_exam, discontinue_exam, emit_for_procedure, start_exam

UNDO_WITHIN = timedelta(minutes=1)
"""The page offers it for ten seconds; the network and a slow hand get the rest."""


@transaction.atomic
def arrive(step_id: int, *, actor: Actor, at: datetime) -> ScheduledStep:
    """Write down that the patient is here. Raises NotFound; Conflict unless the step is scheduled."""
    arrived = ScheduledStep.objects.take(states.ARRIVE, step_id, arrived_at=at)
    order = arrived.procedure.order
    record(actor, "step.arrive", arrived, patient_id=order.patient_id, at=at, order=order.pk)
    emit(
        PatientArrived(
            stream=order.accession, at=at, order_id=order.pk, procedure_id=arrived.procedure_id, step_id=step_id
        )
    )
    return arrived


@transaction.atomic
def undo_arrival(step_id: int, *, actor: Actor, at: datetime) -> ScheduledStep:
    """Take back that the patient is here. Raises NotFound; Conflict unless the step is arrived."""
    step = ScheduledStep.objects.take(states.UNARRIVE, step_id, arrived_at=None)
    order = step.procedure.order
    record(actor, "step.undo-arrival", step, patient_id=order.patient_id, at=at, order=order.pk)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    return step


@transaction.atomic
def start_by_hand(step_id: int, *, actor: Actor, at: datetime) -> PerformedStep:
    """Start the exam of this step on its own device. Raises NotFound; Conflict when it is under way."""
    step = get_step(step_id)
    if find_performed(step) is not None:
        raise Conflict("This exam is in progress already.", at="step")
    procedure = step.procedure
    intent = PerformedIntent(
        started_at=at,
        step_ids=(step.pk,),
        study_uid=procedure.study_uid,
        accession=procedure.order.accession,
        station_ae=step.device.ae_title if step.device else "",
        modality=step.modality,
        by_hand=True,
    )
    return start_exam(intent, actor=actor, at=at)


@transaction.atomic
def complete_by_hand(step_id: int, *, actor: Actor, at: datetime) -> PerformedStep:
    """Complete the exam of this step. Raises NotFound; Conflict when it is not in progress."""
    return complete_exam(_get_mpps_uid(step_id), ended_at=at, actor=actor, at=at)


@transaction.atomic
def discontinue_by_hand(step_id: int, *, reason_code: str = "", actor: Actor, at: datetime) -> PerformedStep:
    """Discontinue the exam of this step. Refusals as :func:`complete_by_hand`."""
    return discontinue_exam(_get_mpps_uid(step_id), ended_at=at, reason_code=reason_code, actor=actor, at=at)


@transaction.atomic
def note_questions(step_id: int, questions: Iterable[Question], *, asker: User, actor: Actor, at: datetime) -> None:
    """Keep that these were asked before the exam; once each, by who asked first. Raises NotFound."""
    step, fresh = get_step(step_id), []
    for question in questions:
        said = {"text": question.text, "asked_by": asker, "at": at}
        if AskedQuestion.objects.get_or_create(step=step, key=question.key, defaults=said)[1]:
            fresh.append(question.key)
    if fresh:
        order = step.procedure.order
        record(actor, "step.asked", step, patient_id=order.patient_id, at=at, order=order.pk, questions=fresh)


@transaction.atomic
def undo_start(step_id: int, *, actor: Actor, at: datetime) -> PerformedStep:
    """Take back a start by hand: the step is what it was before, arrived or scheduled.

    Raises NotFound; Conflict (code ``stale``), which says what happened meanwhile, when the exam is not in progress any
    more or its device is at it.
    """
    step = get_step(step_id)
    performed = find_performed(step)
    if performed is None:
        raise Conflict(f"Too late to undo: this exam is {step.state} meanwhile.", at="step", code="stale")
    if not performed.by_hand:
        raise Conflict(
            "Too late to undo: the device has begun this exam. End it at the device.", at="step", code="stale"
        )
    return discontinue_exam(performed.mpps_uid, ended_at=at, reason_code=WRONG_ENTRY, actor=actor, at=at)


@transaction.atomic
def undo_end(step_id: int, *, actor: Actor, at: datetime) -> PerformedStep:
    """Take back that an exam was completed or discontinued by hand a moment ago: it is in progress again.

    Raises NotFound; Conflict, which says why, after ``UNDO_WITHIN``, when a device ended it, or when it went on since.
    """
    step = get_step(step_id)
    performed = step.performed.order_by("-started_at", "-pk").first()
    if performed is None or performed.state == states.IN_PROGRESS or performed.ended_at is None:
        raise Conflict(f"There is nothing to undo: this exam is {step.state}.", at="step", code="stale")
    if not performed.by_hand:
        raise Conflict("Too late to undo: the device has ended this exam.", at="step", code="stale")
    if at - performed.ended_at > UNDO_WITHIN:
        raise Conflict(
            "Too late to undo: the end was told a while ago. Start it again instead.", at="step", code="stale"
        )
    performed = PerformedStep.objects.take(states.REOPEN_PERFORMED, performed.pk, ended_at=None, reason_code="")
    procedures = {}
    for row in performed.steps.select_related("procedure__order").select_for_update(of=("self",)).order_by("pk"):
        # A step that was put back as a wrong entry waits, so it starts; any other end is undone.
        again = states.REOPEN if row.state in states.REOPEN.sources else states.START
        ScheduledStep.objects.take(again, row.pk)
        procedures[row.procedure_id] = row.procedure
    for procedure in procedures.values():
        emit_for_procedure(ExamReopened, procedure, at)
    patient_id = step.procedure.order.patient_id
    record(actor, "exam.undo-end", performed, patient_id=patient_id, at=at)
    return performed


def _get_mpps_uid(step_id: int) -> str:
    performed = find_performed(get_step(step_id))
    if performed is None:
        raise Conflict("This exam is not in progress.", at="step")
    return performed.mpps_uid
