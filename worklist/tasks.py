"""Celery wakes the worklist up; all that there is to do is found in rows."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .services.escalation_messages import send_escalations
from .services.sweep import alarm_uncovered_hours, sweep_all


@shared_task(ignore_result=True)
def sweep() -> None:
    """Leases, parked cases, lanes, suggestions. Safe to run anywhere, any number of times at once."""
    sweep_all(at=now())


@shared_task(ignore_result=True)
def look_ahead() -> None:
    """Hours to come that nobody with the skill covers: one alarm for each site and subspecialty."""
    alarm_uncovered_hours(at=now())


@shared_task(ignore_result=True)
def tell() -> None:
    """Called by the bell ``escalation`` and every few seconds: messages that the ladder owes."""
    send_escalations(at=now())
