"""Reports that are owed to archives: which archive is owed what, and what a person may do about it.

Database only: ``instances`` makes the documents and ``sender`` sends them, both in a task.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from reporting.models import ReportVersion
from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.doorbell import ring
from ris.kernel.queue import Backoff, Queue
from ris.kernel.values import read_reason

from .. import states
from ..models import Archive, ReportObject, ReportRoute, ReportSend
from .instances import get_or_create_object

REPORTS = "dicom-reports"
"""Doorbell: a report may be owed to an archive."""

QUEUE = Queue(
    ReportSend,
    states.SENDS,
    Backoff(first_s=2, longest_s=600),
    claim_timeout=timedelta(minutes=2),  # longer than one C-STORE or STOW-RS may take (scu.association)
    alarm="report-not-stored",
    lane=("archive", "procedure"),
)


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


RETRACTED = "retracted-report-in-archive"
"""Alarm: an archive holds a report that was retracted, and does not hide it by itself. A person hides it there."""


def withdraw_report(version_id: int, *, at: datetime) -> int:
    """Send nothing more of a retracted report, and owe a rejection note to each archive that has it; how many have it.

    An archive whose route does not say that it hides what is rejected raises an alarm, too. ``version_id``: of the
    retraction. Idempotent.
    """
    version = ReportVersion.objects.select_related("report__item", "report__procedure__order").get(pk=version_id)
    of_report = ReportVersion.objects.filter(report=version.report_id, edition=version.edition)
    sends = ReportSend.objects.filter(object__version__in=of_report).exclude(object__form=ReportObject.KOS)
    sends.filter(state=states.QUEUED).take_all(states.SKIP, error="The report was retracted.")
    stored = sends.filter(state=states.SENT).order_by("archive", "pk").select_related("archive", "object")
    # The way by which the archive was reached last; a route may be gone.
    last = {send.archive: send for send in stored}
    for archive, send in last.items():
        note = get_or_create_object(version, ReportObject.KOS, send.object.language, archive)
        columns = {"state": states.QUEUED, "way": send.way, "procedure": version.report.procedure}
        ReportSend.objects.get_or_create(
            archive=archive, object=note, defaults={**columns, "created_at": at, "due_at": at}
        )
        _alarm_unless_hidden(archive, version, at)
    if last:
        ring(REPORTS)
    return len(last)


def _alarm_unless_hidden(archive: Archive, version: ReportVersion, at: datetime) -> None:
    site = Q(site=version.report.procedure.order.site_id) | Q(site=None)
    if not ReportRoute.objects.filter(site, archive=archive, rejects=True).exists():
        subject, detail = f"{archive.name} {version.report.item.accession}"[:160], version.get_retraction_display()
        raise_alarm(RETRACTED, subject, detail=f"Reject the report's instances there: {detail}", at=at)


def _routes(version: ReportVersion, site_id: int) -> list[ReportRoute]:
    """One route for each archive: that of the site, else that of every site."""
    routes: QuerySet[ReportRoute] = ReportRoute.objects.filter(Q(site=site_id) | Q(site=None), archive__enabled=True)
    # The route of every site sorts first (0), so that the site's own takes its place.
    chosen = {route.archive_id: route for route in sorted(routes, key=lambda route: route.site_id or 0)}
    wanted = [route for route in chosen.values() if route.enabled]
    if version.kind == ReportVersion.PRELIMINARY:
        wanted = [route for route in wanted if route.preliminary]
    return wanted


@transaction.atomic
def resend_report(send_id: int, *, reason: str, actor: Actor, at: datetime) -> ReportSend:
    """Send it (again), now: the same instance. Raises NotFound; Invalid without a reason."""
    read_reason(reason, "Say why.")
    send = ReportSend.objects.take(states.RESEND, send_id, due_at=at, sent_at=None, error="")
    return _record_and_ring(send, "report.resend", reason, actor, at)


@transaction.atomic
def skip_report(send_id: int, *, reason: str, actor: Actor, at: datetime) -> ReportSend:
    """Give it up; what comes after it goes on. Raises NotFound, Conflict when it was sent; Invalid without a reason."""
    read_reason(reason, "Say why.")
    send = ReportSend.objects.take(states.SKIP, send_id, error=reason.strip()[:160])
    clear_alarm_if_done(send.archive, at=at)
    return _record_and_ring(send, "report.skip", reason, actor, at)


def clear_alarm_if_done(archive: Archive, *, at: datetime) -> None:
    """The archive's alarm is over once nothing waits for it that was tried in vain."""
    if not ReportSend.objects.filter(archive=archive, state=states.QUEUED, attempts__gt=0).exists():
        clear_alarm(QUEUE.alarm, archive.name, at=at)


def _record_and_ring(send: ReportSend, action: str, reason: str, actor: Actor, at: datetime) -> ReportSend:
    patient_id = send.procedure.order.patient_id
    record(actor, action, send, patient_id=patient_id, reason=reason, at=at, archive=send.archive_id)
    ring(REPORTS)
    return send
