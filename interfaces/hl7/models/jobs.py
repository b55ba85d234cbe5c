"""Bulk replays."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.db.transitions import Stateful

from .. import states


class ReplayJob(Stateful):
    """Many messages to be taken again, one after the other, and how far that is. Whoever works at it may die."""

    asked = models.JSONField(help_text="Which messages, as of the start: names and values of a filter.")
    sites = models.JSONField(null=True, blank=True, help_text="Ids of the sites whose messages; empty: of all.")
    last_id = models.BigIntegerField(help_text="Messages up to this id: what comes later is no part of it.")
    cursor = models.BigIntegerField(default=0, help_text="The message that was taken last.")
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    outcomes = models.JSONField(default=dict, help_text="State → how many ended in it.")
    reason = models.CharField(max_length=250)
    actor = models.CharField(max_length=120)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    moved_at = models.DateTimeField(help_text="When the last message was taken.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[states.RUNNING, states.HALTED, states.DONE]), name="replay_job_state"
            ),
        ]
        indexes = [models.Index(fields=["id"], name="replay_job_running", condition=Q(state=states.RUNNING))]

    def __str__(self) -> str:
        return f"Replay {self.pk}"

    @property
    def percent(self) -> int:
        """Progress from 0 to 100; 100 only when done."""
        return 100 if self.state == states.DONE else min(99, 100 * self.done // max(self.total, 1))
