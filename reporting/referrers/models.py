"""Which results a referrer has opened."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class ResultSeen(models.Model):
    """A referrer opened a result: the newest version that they opened, and when first of it."""

    report = models.ForeignKey("reporting.Report", on_delete=models.PROTECT, related_name="seen_by")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="results_seen")
    number = models.PositiveSmallIntegerField(help_text="Of the newest version that was opened.")
    at = models.DateTimeField(help_text="When that version was opened first, UTC.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["report", "user"], name="result_seen_once")]

    def __str__(self) -> str:
        return f"Report {self.report_id} seen by {self.user_id}"
