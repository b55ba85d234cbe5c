"""The audit trail."""

from __future__ import annotations

from django.db import models

from ris.kernel.queue import Receiver


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
    purpose = models.CharField(
        max_length=16, blank=True, help_text="HL7 PurposeOfUse, such as BTG; empty: the usual work of the role."
    )
    acting_for = models.ForeignKey(
        "people.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        db_index=False, help_text="On whose behalf the user acted.",
    )  # fmt: skip
    detail = models.JSONField(default=dict, help_text="Ids, states and counts; no names, no report text.")

    class Meta:
        indexes = [
            models.Index(fields=["patient", "-at"], name="audit_patient"),
            models.Index(fields=["subject", "subject_id"], name="audit_subject"),
            models.Index(fields=["user", "-at"], name="audit_user"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject} {self.subject_id}"


class AuditSeal(models.Model):
    """One link of the hash chain over the trail: the events since the link before, and what they were. Append-only.

    ``missing``: ranges ``[first, last]`` of ids between ``first_id`` and ``last_id`` that had no row when it was made.
    ``late``: ids of rows that an earlier link missed, since their transaction ended after it.
    """

    number = models.BigIntegerField(unique=True, help_text="1, 2, 3 … without a gap.")
    sealed_at = models.DateTimeField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    count = models.PositiveIntegerField(help_text="Events in it, late ones too.")
    missing = models.JSONField(default=list)
    late = models.JSONField(default=list)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the events, hexadecimal.")
    previous = models.CharField(max_length=64, help_text="Head of the link before; zeros for the first.")
    head = models.CharField(max_length=64, help_text="SHA-256 of all of this.")

    def __str__(self) -> str:
        return f"seal {self.number}"


class Collector(Receiver):
    """The syslog collector (ATNA audit record repository), and how far into the trail it has been told."""

    name = models.CharField(max_length=80, unique=True, help_text="Host and port.")
    sealed = models.BigIntegerField(default=0, help_text="The number of the last seal that it has whole.")

    def __str__(self) -> str:
        return self.name
