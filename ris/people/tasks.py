"""Celery: accounts whose time is over are switched off."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .login import leavers, sealed


@shared_task(ignore_result=True)
def end_locums() -> None:
    """Called every minute."""
    leavers.end_locums(at=now())
    sealed.note_closed(at=now())
