"""Celery: wake up and sweep. All that is owed stands in the database."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings

from ris.kernel.clock import now
from ris.kernel.doorbell import ring
from ris.kernel.jobs import work_at

from .inbound import intake
from .models import BackFill, ReplayJob
from .operations import bulk_replay, retention
from .outbound import backfill, delivery, sender

log = structlog.get_logger(__name__)

AT_A_STRETCH = timedelta(seconds=10)
"""So that other tasks of the worker have their turn."""
LEFT_ALONE = timedelta(seconds=60)
"""A message that is stored this long and not decided has lost its listener."""


@shared_task(ignore_result=True)
def send_owed() -> None:
    """Called by the bell ``hl7-send`` and every few seconds."""
    sender.send_owed(at=now())


@shared_task(ignore_result=True)
def watch_critical_results() -> None:
    """Called every 30 seconds: raise and close the alarms of critical results that have not arrived."""
    delivery.watch_critical_results(at=now())


@shared_task(ignore_result=True)
def decide_stored() -> None:
    """Called every minute: decide what a listener stored before it died."""
    at = now()
    for message_id in intake.list_unprocessed(before=at - LEFT_ALONE):
        intake.process_message(message_id, at=at)


@shared_task(ignore_result=True)
def replay() -> None:
    """Called by the bell ``hl7-replay`` and every few seconds: work at the jobs for a while; the next ring goes on."""
    until = now() + AT_A_STRETCH
    if work_at(ReplayJob, lambda job: bulk_replay.take_next(job, at=now()) is not None, go_on=lambda: now() < until):
        ring(bulk_replay.REPLAY)


@shared_task(ignore_result=True)
def back_fill() -> None:
    """Called by the bell ``hl7-back-fill`` and every few seconds: work at the jobs for a while."""
    until = now() + AT_A_STRETCH
    if work_at(BackFill, lambda job: backfill.take_some(job, at=now()), go_on=lambda: now() < until):
        ring(backfill.BACK_FILL)


@shared_task(ignore_result=True)
def forget() -> None:
    """Called every hour, so that a clock started anew each night does it too: delete what the policy lets go."""
    gone = retention.delete_expired_messages(days=settings.RIS.hl7_keep_days, at=now())
    if gone:
        log.info("hl7.forgotten", messages=gone)
