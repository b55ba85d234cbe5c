"""Celery wakes the calendar up; all that there is to do is found in rows."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .services.reminders import owe_reminders, send_reminders


@shared_task(ignore_result=True)
def remind() -> None:
    """Owe the reminders whose time has come, and send them. Safe to run any number of times at once."""
    owe_reminders(at=now())
    send_reminders(at=now())
