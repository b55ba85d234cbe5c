"""Reports, their released versions, and overridden checks."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.db.transitions import Stateful
from ris.orders.models import RequestedProcedure
from worklist.models import ReadingItem

from .. import states

CRITICAL_LEVELS = [
    ("red", "Red: tell within minutes"),
    ("orange", "Orange: within hours"),
    ("yellow", "Yellow: within days"),
]
"""How soon somebody must be told of a finding: categories 1, 2 and 3 of actionable findings (ACR; IHE RAD RD)."""

RETRACTIONS = [
    ("wrong patient", "Reported on the wrong patient"),
    ("wrong exam", "Reported on the wrong exam"),
    ("other", "For another reason"),
]
"""Why a whole report is taken back."""

AGREEMENTS = [("agree", "Agrees"), ("minor", "Minor discrepancy"), ("major", "Major discrepancy")]
"""What the signer says of another's preliminary report; RADPEER scores 1, 2 and 3."""


class Criticality(models.Model):
    """A critical finding: what must be told to somebody, how soon, and since when it is known."""

    critical_level = models.CharField(max_length=8, blank=True, choices=CRITICAL_LEVELS)
    critical_finding = models.CharField(max_length=500, blank=True)
    critical_at = models.DateTimeField(null=True, blank=True, help_text="When it was found (marked first), UTC.")

    class Meta:
        abstract = True


class Report(Stateful, Criticality):
    """The report of one procedure: the draft that is being written, and what was released of it (versions)."""

    procedure = models.OneToOneField(RequestedProcedure, on_delete=models.PROTECT, related_name="report")
    item = models.OneToOneField(ReadingItem, on_delete=models.PROTECT, related_name="report")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="reports",
        help_text="Who wrote the draft last, or signed the final report.",
    )
    supervisor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Who is to sign a trainee's preliminary report, or returned it.",
    )
    common_with = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="covered",
        help_text="The report whose text covers this exam too: a common report.",
    )
    technique = models.TextField(blank=True)
    comparison = models.TextField(blank=True)
    findings = models.TextField(blank=True)
    impression = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=0, help_text="Grows with each save of the draft.")
    saved_at = models.DateTimeField(null=True, blank=True)
    fired_at = models.DateTimeField(null=True, blank=True, help_text="When checks refused its signature last, UTC.")
    edition = models.PositiveSmallIntegerField(default=1, help_text="Grows when it is written anew after a retraction.")
    dictated_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the text that another system dictated: while it stands, nobody wrote."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        states.DRAFT,
                        states.PRELIMINARY,
                        states.RETURNED,
                        states.FINAL,
                        states.RETRACTED,
                        states.CANCELLED,
                    ]
                ),
                name="report_state",
            )
        ]

    def __str__(self) -> str:
        return f"Report {self.pk}"


class ReportVersion(Criticality):
    """What was released, word for word. Append-only: the database refuses UPDATE and DELETE."""

    PRELIMINARY, FINAL, ADDENDUM, CORRECTED = "preliminary", "final", "addendum", "corrected"
    RETRACTED = "retracted"

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    edition = models.PositiveSmallIntegerField(default=1, help_text="The report's, when it was released.")
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
    reason = models.CharField(max_length=250, blank=True, help_text="Why the report was corrected or retracted.")
    retraction = models.CharField(max_length=16, blank=True, choices=RETRACTIONS)
    agreement = models.CharField(
        max_length=8, blank=True, choices=AGREEMENTS, help_text="With the first author's preliminary report."
    )
    agreement_note = models.CharField(max_length=500, blank=True)
    attestation = models.TextField(blank=True, help_text="What its signer attests over another's preliminary report.")
    contributors = models.JSONField(
        default=list, blank=True, help_text="Who else wrote it: a list of role, user (id) and name at that moment."
    )
    shown = models.JSONField(
        default=dict, blank=True, help_text="What its signer was shown: remarks of the checks, priors listed."
    )
    signed_at = models.DateTimeField()
    sha256 = models.CharField(max_length=64, help_text="Of the canonical JSON of the version and its predecessor's.")

    class Meta:
        ordering = ["report", "number"]
        constraints = [
            models.UniqueConstraint(fields=["report", "number"], name="report_version_once"),
            models.UniqueConstraint(fields=["report", "edition"], condition=Q(kind="final"), name="report_one_final"),
            models.CheckConstraint(
                condition=Q(kind__in=["preliminary", "final", "addendum", "corrected", "retracted"]),
                name="report_version_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["corrected", "retracted"], reason__gt="")
                | (~Q(kind__in=["corrected", "retracted"]) & Q(reason="")),
                name="report_version_changed_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(kind="retracted", retraction__in=[cause for cause, _ in RETRACTIONS])
                | (~Q(kind="retracted") & Q(retraction="")),
                name="report_version_retraction",
            ),
            models.CheckConstraint(
                condition=Q(critical_level="", critical_finding="", critical_at=None)
                | Q(critical_level__in=[level for level, _ in CRITICAL_LEVELS], critical_finding__gt="")
                & Q(critical_at__isnull=False),
                name="report_version_critical_with_finding",
            ),
            models.CheckConstraint(
                condition=Q(agreement="", agreement_note="")
                | Q(agreement__in=[how for how, _ in AGREEMENTS], first_author__isnull=False),
                name="report_version_agreement_with_another",
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
