"""Exams that a technologist starts and ends by hand, where a device sends no MPPS."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.actor import Actor
from ris.kernel.errors import Conflict

from ..intents import PerformedIntent
from ..models import PerformedStep
from ..selectors import find_performed
from .performed_steps import complete_exam, discontinue_exam, start_exam
from .scheduling import get_step


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


def _get_mpps_uid(step_id: int) -> str:
    performed = find_performed(get_step(step_id))
    if performed is None:
        raise Conflict("This exam is not in progress.", at="step")
    return performed.mpps_uid
