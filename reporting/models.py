from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.stateful import Stateful
from ris.orders.models import RequestedProcedure
from worklist.models import ReadingItem

from . import states


class Report(Stateful):
    """The report of one procedure: the draft that is being written, and what was released of it (versions)."""

    procedure = models.OneToOneField(RequestedProcedure, on_delete=models.PROTECT, related_name="report")
    item = models.OneToOneField(ReadingItem, on_delete=models.PROTECT, related_name="report")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="reports",
        help_text="Who wrote the draft last, or signed the final report.",
    )
    technique = models.TextField(blank=True)
    comparison = models.TextField(blank=True)
    findings = models.TextField(blank=True)
    impression = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=0, help_text="Grows with each save of the draft.")
    saved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[states.DRAFT, states.PRELIMINARY, states.FINAL]), name="report_state"
            )
        ]

    def __str__(self) -> str:
        return f"Report {self.pk}"


class ReportVersion(models.Model):
    """What was released, word for word. Append-only: the database refuses UPDATE and DELETE."""

    PRELIMINARY, FINAL, ADDENDUM = "preliminary", "final", "addendum"

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12)
    technique = models.TextField(blank=True)
    comparison = models.TextField(blank=True)
    findings = models.TextField(blank=True)
    impression = models.TextField(blank=True)
    addendum = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="report_versions")
    first_author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Whose preliminary report was signed, if another's.",
    )
    signed_at = models.DateTimeField()
    sha256 = models.CharField(max_length=64, help_text="Of the canonical JSON of the version and its predecessor's.")

    class Meta:
        ordering = ["report", "number"]
        constraints = [
            models.UniqueConstraint(fields=["report", "number"], name="report_version_once"),
            models.UniqueConstraint(fields=["report"], condition=Q(kind="final"), name="report_one_final"),
            models.CheckConstraint(
                condition=Q(kind__in=["preliminary", "final", "addendum"]), name="report_version_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of report {self.report_id}"


class Override(models.Model):
    """A quality check that was overridden when a report was signed, and why."""

    version = models.ForeignKey(ReportVersion, on_delete=models.PROTECT, related_name="overrides")
    check_name = models.CharField(max_length=40)
    reason = models.CharField(max_length=250)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "check_name"], name="override_once")]

    def __str__(self) -> str:
        return f"{self.check_name} of version {self.version_id}"
