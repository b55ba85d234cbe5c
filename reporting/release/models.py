"""Rows of the release to patients: the policy with its history, and where each report stands."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.db.transitions import Stateful

from .states import STATES


class ReleasePolicy(models.Model):
    """The rules as they were saved, in their order. Append-only: the newest number is in force."""

    number = models.PositiveIntegerField(unique=True)
    rules = models.JSONField(help_text="reporting.release.policy.ReleaseRule each.")
    reason = models.CharField(max_length=250)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-number"]

    def __str__(self) -> str:
        return f"Release policy {self.number}"


class PatientRelease(Stateful):
    """What the patient sees of one edition of a report, by which rule, from when on.

    ``reported`` is the newest version that was decided about; a patient is shown the report only while it is the
    newest of the report, too. Without one: somebody holds the report before it is signed.
    """

    report = models.ForeignKey("reporting.Report", on_delete=models.PROTECT, related_name="releases")
    edition = models.PositiveSmallIntegerField(default=1)
    reported = models.ForeignKey(
        "reporting.ReportVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    then = models.CharField(max_length=12, blank=True, help_text="What the rule says.")
    because = models.CharField(max_length=250, blank=True, help_text="The rule that decided, as a sentence.")
    policy_number = models.PositiveIntegerField(default=0, help_text="0: the rules that the system begins with.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="Seen from then on, UTC; empty: never by itself.")
    waits_for_referrer = models.BooleanField(default=False, help_text="Or as soon as the referrer has opened it.")
    opened_at = models.DateTimeField(null=True, blank=True)
    held_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    held_at = models.DateTimeField(null=True, blank=True)
    hold_reason = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["report", "edition"], name="patient_release_once"),
            models.CheckConstraint(condition=Q(state__in=STATES), name="patient_release_state"),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(held_by__isnull=False, hold_reason__gt=""),
                name="patient_release_held_with_reason",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="patient_release_due", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"Release of report {self.report_id} to the patient"
