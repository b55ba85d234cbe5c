"""Celery: what keeps the system, by the clock."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now
from ris.operations import backups, downtime
from ris.operations.databases import current_database


@shared_task(ignore_result=True)
def back_up() -> None:
    """Called every five minutes: a backup of a SQLite database for which somebody made a key."""
    backups.back_up_regularly(current_database(), at=now())


@shared_task(ignore_result=True)
def write_downtime_kit() -> None:
    """Called every hour: schedules, work lists and critical findings, as files for when this system is away."""
    downtime.write_kit(at=now())
