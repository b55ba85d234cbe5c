"""Exams and images that need a person: done without an order, begun and never ended, arrived unannounced."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from ris.kernel.errors import NotFound
from ris.orders import states
from ris.orders.models import PerformedStep, Study
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from ..availability.polling import missing_images

STUCK_AFTER = timedelta(hours=4)
"""An exam that is in progress for so long was probably never ended by its device."""


def exams_for(viewer: User) -> QuerySet[PerformedStep]:
    """Exams at the viewer's sites, and those of devices that nobody here knows."""
    sites = list(sites_for(viewer, Can.SEE_ORDERS).values_list("pk", flat=True))
    linked_here = Q(steps__procedure__order__site__in=sites)
    on_device = Q(device__site__in=sites) | Q(device=None)
    found = PerformedStep.objects.filter(linked_here | Q(steps=None) & on_device)
    return found.select_related("device__site", "mpps").distinct()


def exam_for(viewer: User, performed_id: int) -> PerformedStep:
    """One of them. Raises NotFound."""
    found = exams_for(viewer).filter(pk=performed_id).first()
    if found is None:
        raise NotFound("There is no such exam.")
    return found


def unscheduled(viewer: User) -> QuerySet[PerformedStep]:
    """Exams that belong to no scheduled step, newest first; wrong entries that were broken off left out."""
    return exams_for(viewer).filter(steps=None).exclude(state=states.DISCONTINUED).order_by("-started_at")


def stuck(viewer: User, at: datetime) -> QuerySet[PerformedStep]:
    """Exams that began long ago and never ended, oldest first."""
    running = exams_for(viewer).filter(state=states.IN_PROGRESS, started_at__lt=at - STUCK_AFTER)
    return running.prefetch_related("steps__procedure__order__patient").order_by("started_at")


def without_images(viewer: User, at: datetime) -> QuerySet[PerformedStep]:
    """Exams whose images never came, oldest first."""
    missing = exams_for(viewer).filter(pk__in=missing_images(at=at).values("pk"))
    return missing.prefetch_related("steps__procedure__order__patient").order_by("ended_at")


def images_without_order(viewer: User) -> QuerySet[Study]:
    """Studies in the archive that no procedure here has. Their site is not known, so all who reconcile see them."""
    if not sites_for(viewer, Can.SEE_ORDERS).exists():
        return Study.objects.none()
    return Study.objects.filter(procedure=None).order_by("-first_seen_at")
