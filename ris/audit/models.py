"""The audit trail."""

from __future__ import annotations

from django.db import models


class AuditEvent(models.Model):
    """Who did or saw what, when, from where. Append-only: the database refuses UPDATE and DELETE."""

    at = models.DateTimeField()
    user = models.ForeignKey("people.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    actor = models.CharField(max_length=120, help_text="User name, or the peer or job that acted.")
    source = models.CharField(max_length=64, blank=True, help_text="Network address, or the part of the system.")
    action = models.CharField(max_length=48, help_text="What was done, such as report.sign or patient.view.")
    subject = models.CharField(max_length=48, help_text="Kind of thing, such as Order.")
    subject_id = models.CharField(max_length=64)
    patient = models.ForeignKey("patients.Patient", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=250, blank=True)
    detail = models.JSONField(default=dict, help_text="Ids, states and counts; no names, no report text.")

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-at"], name="audit_patient"),
            models.Index(fields=["subject", "subject_id"], name="audit_subject"),
            models.Index(fields=["user", "-at"], name="audit_user"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject} {self.subject_id}"
