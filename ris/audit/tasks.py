"""Celery: the chain over the audit trail is made each minute and read again each night."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .atna.sender import send_sealed
from .chain import heads_file, seal_trail
from .verification import verify_nightly


@shared_task(ignore_result=True)
def seal() -> None:
    """Called every minute: seal what was appended since, and send what is sealed to the collector."""
    seal_trail(at=now())
    send_sealed(at=now())


@shared_task(ignore_result=True)
def verify() -> None:
    """Called every hour: once a day, check the whole trail; an alarm when it is not what was sealed."""
    verify_nightly(heads_file(), at=now())
