"""Celery: reports that are due reach their patients."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .release.services import open_due


@shared_task(ignore_result=True)
def open_due_releases() -> None:
    """Called every half minute."""
    open_due(at=now())
