"""Which archives are owed a version of a report. Database only: making and sending is a task's."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from reporting.models import ReportVersion
from ris.kernel.doorbell import ring

from ..models import ReportObject, ReportRoute, ReportSend
from . import states
from .instances import get_or_create_object

REPORTS = "dicom-reports"
"""Doorbell: a report may be owed to an archive."""


def queue_version(version_id: int, *, at: datetime) -> int:
    """Owe every archive that wants it the version, in the form it wants; return how many sends. Idempotent."""
    version = ReportVersion.objects.select_related("report__item", "report__procedure__order").get(pk=version_id)
    procedure, owed = version.report.procedure, 0
    for route in _routes(version, procedure.order.site_id):
        for form in [ReportObject.SR] * route.sr + [ReportObject.PDF] * route.pdf:
            _, new = ReportSend.objects.get_or_create(
                archive=route.archive,
                object=get_or_create_object(version, form, route.language),
                defaults={
                    "state": states.QUEUED,
                    "way": route.way,
                    "procedure": procedure,
                    "created_at": at,
                    "due_at": at,
                },
            )
            owed += new
    if owed:
        ring(REPORTS)
    return owed


def _routes(version: ReportVersion, site_id: int) -> list[ReportRoute]:
    """One route for each archive: that of the site, else that of every site."""
    routes: QuerySet[ReportRoute] = ReportRoute.objects.filter(Q(site=site_id) | Q(site=None), archive__enabled=True)
    chosen = {route.archive_id: route for route in sorted(routes, key=lambda one: one.site_id or 0)}
    wanted = [route for route in chosen.values() if route.enabled]
    if version.kind == ReportVersion.PRELIMINARY:
        wanted = [route for route in wanted if route.preliminary]
    return wanted
