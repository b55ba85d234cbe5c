"""A trainee's report and who signs it: returns, words of attestation, notices of discrepancies."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.catalog.models import Site

from .reports import AGREEMENTS, Report, ReportVersion


class ReportReturn(models.Model):
    """A preliminary report that a supervisor gave back to its author, and what is to be revised."""

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="returns")
    supervisor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    trainee = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500)
    returned_at = models.DateTimeField()

    class Meta:
        ordering = ["returned_at", "pk"]

    def __str__(self) -> str:
        return f"Return {self.pk} of report {self.report_id}"


class AttestationText(models.Model):
    """What a signer attests over another's preliminary report, in the words of a site (without one: of every site).

    Merge fields: ``{signer}``, ``{trainee}``, ``{time}`` (the site's), ``{agreement}``.
    """

    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, related_name="attestations")
    agreement = models.CharField(max_length=8, blank=True, choices=AGREEMENTS, help_text="Empty: for each of them.")
    text = models.CharField(max_length=500)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "agreement"], name="attestation_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"Attestation {self.pk}"


class DiscrepancyNotice(models.Model):
    """A discrepancy between a preliminary and its final report, owed to one who may have acted on the preliminary.

    ``recipient`` is empty for an ordering provider who has no account here; then somebody calls them.
    """

    version = models.ForeignKey(ReportVersion, on_delete=models.PROTECT, related_name="notices")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="discrepancy_notices"
    )
    provider = models.CharField(max_length=250, blank=True, help_text="As the order names them (XCN).")
    grade = models.CharField(max_length=8)
    told_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-told_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["version", "recipient"], name="discrepancy_notice_once"),
            models.CheckConstraint(condition=Q(grade__in=["minor", "major"]), name="discrepancy_notice_grade"),
        ]

    def __str__(self) -> str:
        return f"Notice {self.pk} of version {self.version_id}"
