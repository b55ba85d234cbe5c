"""What came of it when a check spoke: one row each time, for measuring how often the checks are right."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.catalog.models import Site

from .reports import Override, Report


class Firing(models.Model):
    """A check spoke of a report, and what came of it. No words of the report: only which check, and where.

    A refused signature opens a row (``outcome`` empty) for each check that wanted a reason; a check that speaks again
    while its row is open opens no other. A signature closes open rows, and adds a closed one for each check that it
    passed without a refusal. ``section``, ``start`` and ``end``: the words the check spoke of, in the text as it stands
    now, as long as the row is open; both 0: the whole section.
    """

    OPEN, OVERRIDDEN, EDITED, UNCHANGED, LEFT = "", "overridden", "edited", "unchanged", "left"
    OUTCOMES = [
        (OPEN, "Nothing yet"), (OVERRIDDEN, "Overridden with a reason"), (EDITED, "Edited within a minute"),
        (UNCHANGED, "Signed without change"), (LEFT, "Spoke no more, later"),
    ]  # fmt: skip

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="firings")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    check_name = models.CharField(max_length=40)
    level = models.CharField(max_length=8, help_text="block, warn or hint.")
    section = models.CharField(max_length=16)
    start = models.PositiveIntegerField(default=0)
    end = models.PositiveIntegerField(default=0)
    rules = models.CharField(max_length=12, help_text="Version of the checks: the beginning of their SHA-256.")
    at = models.DateTimeField(help_text="When it was shown (last, while open), or signed over, UTC.")
    outcome = models.CharField(max_length=12, blank=True, choices=OUTCOMES)
    settled_at = models.DateTimeField(null=True, blank=True)
    override = models.OneToOneField(Override, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["site", "at"], name="firing_by_site")]
        constraints = [
            models.UniqueConstraint(
                fields=["report", "check_name"], condition=Q(outcome=""), name="firing_open_once"
            ),
            models.CheckConstraint(
                condition=Q(outcome="", settled_at=None, override=None)
                | Q(outcome="overridden", settled_at__isnull=False, override__isnull=False)
                | Q(outcome__in=["edited", "unchanged", "left"], settled_at__isnull=False, override=None),
                name="firing_outcome",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.check_name} of report {self.report_id}"
