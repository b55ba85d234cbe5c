"""Celery: wake up and sweep. All that is owed stands in the database."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from ris.kernel.clock import now

from . import intake, sender

LEFT_ALONE = timedelta(seconds=60)
"""A message that is stored this long and not decided has lost its listener."""


@shared_task(ignore_result=True)
def send_owed() -> None:
    """Called by the bell ``hl7-send`` and every few seconds."""
    sender.send_owed(at=now())


@shared_task(ignore_result=True)
def decide_stored() -> None:
    """Called every minute: decide what a listener stored before it died."""
    at = now()
    for message_id in intake.undecided(before=at - LEFT_ALONE):
        intake.decide(message_id, at=at)
