"""Exams and images that need a person: done without an order, never ended, without images; images without order."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from ris.access.visibility import closed_patients, open_rows, restricted_sites
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.orders import states
from ris.orders.models import Order, PerformedStep, Study
from ris.orders.selectors import orders_for, steps_for
from ris.orders.selectors_performed import Suggestion, suggest_steps
from ris.patients.models import Identifier
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from ..availability.polling import missing_images

NEVER_ENDED_AFTER = timedelta(hours=4)
"""No exam takes so long: its device never ended it."""


def exams_for(viewer: User) -> QuerySet[PerformedStep]:
    """Exams at the viewer's sites, and those of devices that nobody here knows."""
    sites = list(sites_for(viewer, Can.SEE_ORDERS).values_list("pk", flat=True))
    linked_here = Q(steps__procedure__order__site__in=sites)
    on_device = Q(device__site__in=sites) | Q(device=None)
    exams = PerformedStep.objects.filter(linked_here | Q(steps=None) & on_device)
    order = "steps__procedure__order"
    exams = open_rows(exams, viewer, patient=f"{order}__patient", site=f"{order}__site")
    exams = exams.exclude(mpps__patient_id__in=_closed_numbers(viewer))
    closed = _closed_orders(viewer, sites)
    exams = exams.exclude(accession__in=closed.values("accession"))
    exams = exams.exclude(study_uid__in=closed.filter(procedures__isnull=False).values("procedures__study_uid"))
    return exams.select_related("device__site", "mpps").distinct()


def _closed_numbers(viewer: User) -> QuerySet[Any]:
    """Numbers of patients who are closed to the viewer: what has no order yet may be of one of them."""
    return Identifier.objects.filter(patient__in=closed_patients(viewer, now())).values("value")


def _closed_orders(viewer: User, sites: list[int]) -> QuerySet[Order]:
    """Orders of patients who are closed to the viewer: what names one of them without a link to it is closed, too."""
    if restricted_sites(viewer):
        return Order.objects.filter(site__in=sites).exclude(pk__in=orders_for(viewer).order_by().values("pk"))
    return Order.objects.filter(patient__in=closed_patients(viewer, now()))


def steps_seen(viewer: User, suggested: list[Suggestion]) -> list[Suggestion]:
    """Those of the suggestions whose steps the viewer may see."""
    seen = set(steps_for(viewer).filter(pk__in=[row.step.pk for row in suggested]).values_list("pk", flat=True))
    return [row for row in suggested if row.step.pk in seen]


def exam_for(viewer: User, performed_id: int) -> PerformedStep:
    """One exam at the viewer's sites. Raises NotFound, also for one at a foreign site."""
    performed = exams_for(viewer).filter(pk=performed_id).first()
    if performed is None:
        raise NotFound("There is no such exam.")
    return performed


def unscheduled(viewer: User) -> QuerySet[PerformedStep]:
    """Exams that belong to no scheduled step, newest first; wrong entries that were broken off left out."""
    return exams_for(viewer).filter(steps=None).exclude(state=states.DISCONTINUED).order_by("-started_at")


def never_ended(viewer: User, at: datetime) -> QuerySet[PerformedStep]:
    """Exams that began long ago and never ended, oldest first."""
    running = exams_for(viewer).filter(state=states.IN_PROGRESS, started_at__lt=at - NEVER_ENDED_AFTER)
    return running.prefetch_related("steps__procedure__order__patient").order_by("started_at")


def without_images(viewer: User, at: datetime) -> QuerySet[PerformedStep]:
    """Exams whose images never came, oldest first."""
    missing = exams_for(viewer).filter(pk__in=missing_images(at=at).values("pk"))
    return missing.prefetch_related("steps__procedure__order__patient").order_by("ended_at")


def images_without_order(viewer: User) -> QuerySet[Study]:
    """Studies in the archive that no procedure here has. Their site is not known, so all who reconcile see them."""
    sites = list(sites_for(viewer, Can.SEE_ORDERS).values_list("pk", flat=True))
    if not sites:
        return Study.objects.none()
    studies = Study.objects.filter(procedure=None, instances__gt=0)
    studies = studies.exclude(accession__in=_closed_orders(viewer, sites).values("accession"))
    return studies.exclude(patient_number__in=_closed_numbers(viewer)).order_by("-first_seen_at")


def image_study_for(viewer: User, study_id: int) -> Study:
    """One such study. Raises NotFound."""
    study = images_without_order(viewer).filter(pk=study_id).first()
    if study is None:
        raise NotFound("There are no such images.")
    return study


def suggest_for_images(study: Study) -> list[Suggestion]:
    """Steps of which images without an order may be, likeliest first: by study, accession, patient, device and time."""
    started_at = study.first_seen_at
    if study.performed_on:  # the archive knows the day only: noon is near to every hour of it
        started_at = datetime.combine(study.performed_on, time(12), UTC)
    exam = PerformedStep(
        study_uid=study.study_uid, accession=study.accession, modality=study.modality, started_at=started_at
    )
    return suggest_steps(exam, patient_number=study.patient_number)
