"""Exams are linked to orders by a person, and unlinked again (IHE Patient Information Reconciliation)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit

from .. import states
from ..events import ExamStarted, ExamUnlinked, OrderRevised
from ..intents import PerformedIntent
from ..models import PerformedStep, RequestedProcedure, ScheduledStep, Study
from ..selectors import get_step
from .performed_steps import complete_exam, emit_ended, emit_for_procedure, move_steps, start_exam
from .studies import adopt_study, give_study, release_study

_STEP_FOR = {
    states.IN_PROGRESS: states.START,
    states.COMPLETED: states.COMPLETE,
    states.DISCONTINUED: states.DISCONTINUE,
}


@transaction.atomic
def link_exam(performed_id: int, step_ids: Sequence[int], *, actor: Actor, at: datetime) -> PerformedStep:
    """Link an exam to the scheduled steps that it performed: they move to its state.

    The images exist already, so their Study Instance UID stays and the procedure takes it over, unless
    the procedure has images or exams under its own. Raises NotFound; Conflict when the exam belongs to
    steps already; Invalid without steps or with steps of several patients.
    """
    performed = _lock_performed(performed_id)
    if performed.steps.exists():
        raise Conflict("This exam is linked already; unlink it first.", at="exam")
    steps = list(ScheduledStep.objects.filter(pk__in=step_ids).select_related("procedure__order").order_by("pk"))
    if not steps or len(steps) != len(set(step_ids)):
        raise Invalid("Choose the steps that were performed.", at="steps")
    if len({step.procedure.order.patient_id for step in steps}) > 1:
        raise Invalid("These steps are of different patients.", at="steps")
    for step in steps:
        adopt_study(step.procedure, performed.study_uid, at=at)
    performed.steps.set(steps)
    procedures = move_steps(performed, _STEP_FOR[performed.state], at=at)
    for procedure in procedures:
        emit(OrderRevised(stream=procedure.order.accession, at=at, order_id=procedure.order_id))
        emit_for_procedure(ExamStarted, procedure, at)
    if performed.state != states.IN_PROGRESS:
        emit_ended(procedures, at)
    patient_id = steps[0].procedure.order.patient_id
    record(actor, "exam.link", performed, patient_id=patient_id, at=at, steps=[step.pk for step in steps])
    return performed


@transaction.atomic
def unlink_exam(performed_id: int, *, reason: str, actor: Actor, at: datetime) -> PerformedStep:
    """Unlink an exam from its steps: they wait again, and the exam waits for a person.

    Steps that another exam performed too stay as they are. A procedure whose only exam it was leaves the exam its
    Study Instance UID, under which the images are, and gets a new one. Raises NotFound; Conflict when nothing is
    linked.
    """
    performed = _lock_performed(performed_id)
    steps = list(performed.steps.select_related("procedure__order").order_by("pk"))
    if not steps:
        raise Conflict("This exam is not linked.", at="exam")
    # Cleared first: a step that still has a performed step after it belongs to another exam as well.
    performed.steps.clear()
    concerned: dict[int, RequestedProcedure] = {}
    for step in steps:
        if not step.performed.exists() and step.state in states.UNLINK.sources:
            ScheduledStep.objects.take(states.UNLINK, step.pk)
            concerned[step.procedure_id] = step.procedure
    for procedure in concerned.values():
        release_study(performed, procedure)
        emit_for_procedure(ExamUnlinked, procedure, at)
        emit(OrderRevised(stream=procedure.order.accession, at=at, order_id=procedure.order_id))
    patient_id = steps[0].procedure.order.patient_id
    record(actor, "exam.unlink", performed, patient_id=patient_id, reason=reason, at=at, steps=[s.pk for s in steps])
    return performed


@transaction.atomic
def link_images(study_id: int, step_id: int, *, actor: Actor, at: datetime) -> Study:
    """Link images that had no order to the scheduled step of which they are.

    A step that nobody performed yet is thereby done; one that was performed gets the images, unless it has its own.
    Raises NotFound; Conflict when the images have an order, or the procedure has images of its own.
    """
    study = Study.objects.select_for_update().filter(pk=study_id).first()
    if study is None:
        raise NotFound("There are no such images.")
    if study.procedure_id is not None:
        raise Conflict("These images are linked already.", at="images")
    step = get_step(step_id)
    procedure = step.procedure
    if Study.objects.filter(procedure=procedure).exists():
        raise Conflict("This exam has images of its own.", at="step")
    if step.state in states.BEGUN:
        give_study(procedure, study.study_uid, at=at)
    else:
        device = step.device
        intent = PerformedIntent(
            started_at=study.first_seen_at,
            step_ids=(step.pk,),
            step_studies=((step.pk, study.study_uid),),
            study_uid=study.study_uid,
            accession=procedure.order.accession,
            station_ae=device.ae_title if device else "",
            modality=step.modality,
            by_hand=True,
        )
        performed = start_exam(intent, actor=actor, at=at)
        complete_exam(performed.mpps_uid, ended_at=study.complete_at or at, actor=actor, at=at)
    record(actor, "images.link", study, patient_id=procedure.order.patient_id, at=at, step=step.pk)
    study.refresh_from_db()
    return study


def _lock_performed(performed_id: int) -> PerformedStep:
    performed = PerformedStep.objects.select_for_update().filter(pk=performed_id).first()
    if performed is None:
        raise NotFound("There is no such exam.")
    return performed
