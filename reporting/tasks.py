"""Celery wakes reporting up; all that there is to do is found in rows."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from ris.kernel.clock import now

from .critical.ladder import climb_critical_rungs, critical_moments_ahead
from .critical.messages import send_critical_messages
from .followup.reminders import climb_follow_up_rungs, send_reminders
from .release.services import open_due

ROUND = timedelta(seconds=15)
"""What the clock brings later than that is found by the next round (``ris.celery``)."""


@shared_task(ignore_result=True)
def tell_critical() -> None:
    """Called by the bell ``critical-tell`` and every few seconds: rungs that are reached, and messages owed.

    The moments of the coming seconds get a task of their own, so that a rung is climbed when it is reached.
    """
    _climb_and_send()
    if tell_critical.request.called_directly or tell_critical.request.is_eager:
        return
    for moment in critical_moments_ahead(now(), ROUND):
        keep_critical_time.apply_async(eta=moment, expires=moment + ROUND)


@shared_task(ignore_result=True)
def keep_critical_time() -> None:
    """Rungs of critical findings whose moment has come. Safe to run any number of times at once."""
    _climb_and_send()


def _climb_and_send() -> None:
    # A channel that gives up makes the next rung due: it is climbed, and told, in the same round.
    while climb_critical_rungs(now()) + send_critical_messages(at=now()):
        pass


@shared_task(ignore_result=True)
def open_due_releases() -> None:
    """Called every half minute: reports that are due reach their patients."""
    open_due(at=now())


@shared_task(ignore_result=True)
def remind_of_follow_ups() -> None:
    """Called every minute: recommendations that are overdue, and e-mails about them that are owed."""
    climb_follow_up_rungs(now())
    send_reminders(at=now())
