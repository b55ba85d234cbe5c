"""Celery: wake up and sweep. All that is owed stands in the database."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .cast.services import delete_ended_subscriptions
from .subscriptions import queue, sender


@shared_task(ignore_result=True)
def send_notifications() -> None:
    """Called by the bell ``fhir-notify`` and every few seconds: events to subscribers."""
    sender.send_due(at=now())


@shared_task(ignore_result=True)
def keep_subscriptions() -> None:
    """Called every few seconds: heartbeats, and subscriptions that are over."""
    queue.end_what_is_over(at=now())
    queue.owe_heartbeats(at=now())


@shared_task(ignore_result=True)
def forget() -> None:
    """Called every hour: delete notifications of a week ago, and subscriptions of FHIRcast that are over."""
    queue.delete_old_notifications(at=now())
    delete_ended_subscriptions(at=now())
