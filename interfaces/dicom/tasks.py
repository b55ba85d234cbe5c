"""Celery: wake up and sweep. All that is owed stands in the database."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .availability import arrivals, ian_scp, polling
from .mpps import forwarding
from .mwl import query_log
from .prefetch import worker
from .reports import sender
from .workitems import orchestration, subscription


@shared_task(ignore_result=True)
def send_forwards() -> None:
    """Called by the bell ``dicom-forward`` and every few seconds: MPPS to further systems."""
    forwarding.send_forwards(at=now())


@shared_task(ignore_result=True)
def send_reports() -> None:
    """Called by the bell ``dicom-reports`` and every few seconds: released reports to archives."""
    sender.send_due(at=now())


@shared_task(ignore_result=True)
def poll_archives() -> None:
    """Called every minute: ask archives for the images of finished exams, and alarm those that never came."""
    polling.poll_archives(at=now())
    arrivals.complete_quiet_studies(at=now())
    polling.alarm_missing(at=now())


@shared_task(ignore_result=True)
def prefetch() -> None:
    """Called by the bell ``dicom-prefetch`` and every few seconds: find priors and have them moved."""
    worker.run_due(at=now())


@shared_task(ignore_result=True)
def forget() -> None:
    """Called every hour: delete kept queries, rejections, notified objects and events of workitems that are old."""
    query_log.delete_old(at=now())
    ian_scp.delete_old_instances(at=now())
    subscription.delete_old_events(at=now())


@shared_task(ignore_result=True)
def end_overdue_work() -> None:
    """Called every few seconds: workitems whose result did not come in time, and the cases that wait for it."""
    orchestration.cancel_all_overdue(at=now())
