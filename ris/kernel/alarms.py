"""Alarms: one open row per (kind, subject), counted, cleared when it is over."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F

from .models import Alarm

log = structlog.get_logger(__name__)


def raise_alarm(kind: str, subject: str, *, detail: str = "", at: datetime) -> None:
    """Open an alarm, or count one more occurrence of the one that is open."""
    if _count_again(kind, subject, detail, at):
        return
    try:
        # A savepoint: after an IntegrityError PostgreSQL refuses every statement until it is rolled back.
        with transaction.atomic():
            Alarm.objects.create(kind=kind, subject=subject, detail=detail, raised_at=at, last_at=at)
    except IntegrityError:  # somebody opened it between the two statements
        _count_again(kind, subject, detail, at)
        return
    log.error("alarm.raised", kind=kind, subject=subject)


def _count_again(kind: str, subject: str, detail: str, at: datetime) -> bool:
    return bool(
        Alarm.objects.filter(kind=kind, subject=subject, cleared_at__isnull=True).update(
            times=F("times") + 1, last_at=at, detail=detail
        )
    )


def clear_alarm(kind: str, subject: str, *, at: datetime) -> bool:
    """Close the alarm if one is open; say whether one was."""
    return bool(Alarm.objects.filter(kind=kind, subject=subject, cleared_at__isnull=True).update(cleared_at=at))
