"""Celery: the comparison of patients who are new or changed."""

from __future__ import annotations

from celery import shared_task

from ris.kernel.clock import now

from .services import find_duplicates


@shared_task(ignore_result=True)
def compare_patients() -> None:
    """Find possible duplicates of patients who are new or changed, and of those who were there before."""
    find_duplicates(at=now())
