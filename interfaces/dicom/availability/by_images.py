"""Devices that send no MPPS: their images start and complete the exam (``DeviceProfile.completes_by_images``)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from ris.audit.services import Actor
from ris.orders import states
from ris.orders.intents import PerformedIntent
from ris.orders.models import PerformedStep, ScheduledStep, Study
from ris.orders.selectors_performed import StepReference, match_steps
from ris.orders.services import complete_exam, start_exam

from ..reconciliation.patient_check import DescribedPatient, find_patient_doubts

LOOK_BACK, LOOK_AHEAD = timedelta(days=3), timedelta(hours=2)
"""Images of a step are asked for from a while before its planned start until days after it."""


def find_awaited_steps(*, at: datetime) -> QuerySet[ScheduledStep]:
    """Steps around now that wait for nothing but images, earliest first."""
    steps = ScheduledStep.objects.filter(device__dicom_profile__completes_by_images=True)
    near = steps.filter(start__gte=at - LOOK_BACK, start__lte=at + LOOK_AHEAD)
    unfinished = near.filter(state__in=[*states.WAITING, states.STARTED], procedure__order__state=states.ACTIVE)
    return unfinished.select_related("procedure__order").order_by("start", "pk")


def match_by_accession(study: Study, patient: DescribedPatient, *, actor: Actor, at: datetime) -> bool:
    """Start the exam of the step that a study of the device's own names by its accession number.

    Only for a device that completes by images, and only where the archive names the patient of the order and nothing
    speaks against it; else a person decides (``reconciliation``). Return whether there was such a step.
    """
    reference = StepReference(accession=study.accession, modality=study.modality, study_uid=study.study_uid)
    for match in match_steps([reference]) if study.accession and patient.number else []:
        step = match.step
        if not _completes_by_images(step) or step.state not in states.WAITING:
            continue
        if not find_patient_doubts(patient, step.procedure.order.patient):
            _start(study, [step], actor=actor, at=at)
            return True
    return False


def complete_by_images(study: Study, *, actor: Actor, at: datetime) -> PerformedStep | None:
    """Start the exam with its first image and complete it with its last; None where images do not complete it.

    Idempotent. A device that sends MPPS after all is believed: its exam is its own.
    """
    if study.procedure is None:
        return None
    steps = [step for step in study.procedure.steps.order_by("pk") if _completes_by_images(step)]
    performed = PerformedStep.objects.filter(steps__in=steps, by_hand=True, study_uid=study.study_uid).first()
    if performed is None:
        waiting = [step for step in steps if step.state in states.WAITING]
        if not waiting:
            return None
        performed = _start(study, waiting, actor=actor, at=at)
    if study.complete_at is not None and performed.state == states.IN_PROGRESS:
        return complete_exam(performed.mpps_uid, ended_at=study.complete_at, actor=actor, at=at)
    return performed


def _start(study: Study, steps: list[ScheduledStep], *, actor: Actor, at: datetime) -> PerformedStep:
    device = steps[0].device
    intent = PerformedIntent(
        started_at=study.first_seen_at,
        step_ids=tuple(step.pk for step in steps),
        step_studies=tuple((step.pk, study.study_uid) for step in steps),
        study_uid=study.study_uid,
        accession=steps[0].procedure.order.accession,
        station_ae=device.ae_title if device else "",
        modality=steps[0].modality,
        by_hand=True,
    )
    return start_exam(intent, actor=actor, at=at)


def _completes_by_images(step: ScheduledStep) -> bool:
    profile = getattr(step.device, "dicom_profile", None)
    return bool(profile and profile.completes_by_images)
