"""The kernel's work that is woken from outside: by a bell, and by the clock in case the bell was lost."""

from __future__ import annotations

from celery import shared_task

from . import doorbell, health
from .clock import now
from .relay import deliver_owed

AT_ONCE = 500
"""Deliveries one task brings; the rest is another task's, so that others get their turn between."""


@shared_task(ignore_result=True)
def deliver() -> None:
    """Bring what is owed to subscribers."""
    if deliver_owed(at=now(), limit=AT_ONCE) >= AT_ONCE:
        doorbell.ring(doorbell.RELAY)


@shared_task(ignore_result=True)
def beat() -> None:
    """Show that clock, broker and worker are alive."""
    health.note_beat(health.SWEEPS, at=now())
