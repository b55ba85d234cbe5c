"""Bulk replays."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.jobs import DONE, HALTED, RUNNING, Job


class ReplayJob(Job):
    """Many messages to be taken again, one after the other, and how far that is. Whoever works at it may die."""

    asked = models.JSONField(help_text="Which messages, as of the start: names and values of a filter.")
    sites = models.JSONField(null=True, blank=True, help_text="Ids of the sites whose messages; empty: of all.")
    outcomes = models.JSONField(default=dict, help_text="State → how many ended in it.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=64, blank=True)
    moved_at = models.DateTimeField(help_text="When the last message was taken.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[RUNNING, HALTED, DONE]), name="replay_job_state"),
        ]
        indexes = [models.Index(fields=["id"], name="replay_job_running", condition=Q(state=RUNNING))]

    def __str__(self) -> str:
        return f"Replay {self.pk}"
