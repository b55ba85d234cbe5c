"""Celery wakes the worklist up; all that there is to do is found in rows."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from ris.kernel.clock import now

from .services.escalation_messages import send_escalations
from .services.offer_calls import send_calls
from .services.sweep import alarm_uncovered_hours, moments_ahead, sweep_all
from .services.sweep import keep_time as keep_time_now

SWEPT_ANYWAY = timedelta(seconds=15)
"""What the clock brings later than that is found by the next beat (``ris.celery``)."""


@shared_task(ignore_result=True)
def sweep() -> None:
    """Leases, parked cases, lanes, suggestions. Safe to run anywhere, any number of times at once.

    The moments of the coming seconds at which something is due get a task of their own, so that a rung is climbed, and
    its people told, when it is reached and not at the next beat. Without a broker the next sweep finds them.
    """
    sweep_all(at=now())
    if sweep.request.called_directly or sweep.request.is_eager:
        return
    for moment in moments_ahead(now(), SWEPT_ANYWAY):
        keep_time.apply_async(eta=moment, expires=moment + SWEPT_ANYWAY)


@shared_task(ignore_result=True)
def keep_time() -> None:
    """Rungs, lanes and offers whose moment has come. Safe to run any number of times at once."""
    keep_time_now(at=now())


@shared_task(ignore_result=True)
def look_ahead() -> None:
    """Hours to come that nobody with the skill covers: one alarm for each site and subspecialty."""
    alarm_uncovered_hours(at=now())


@shared_task(ignore_result=True)
def tell() -> None:
    """Called by the bell ``escalation`` and every few seconds: calls about offers, then messages of the ladder."""
    send_calls(at=now())
    send_escalations(at=now())
