"""Emergency accesses, and which patient a person of the house is."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class EmergencyAccess(models.Model):
    """One person sees one patient who is closed to them, for a while and for a reason (break-glass)."""

    REASONS = [
        ("emergency", "An emergency: care cannot wait"),
        ("consult", "Asked to help with this patient"),
        ("cover", "Covering for the care team"),
        ("follow-up", "Following up on my own exam or report"),
        ("safety", "A doubt about identity or safety"),
        ("other", "Something else, as written"),
    ]
    JUSTIFIED, UNJUSTIFIED, QUESTION = "justified", "unjustified", "question"
    VERDICTS = [(JUSTIFIED, "Justified"), (UNJUSTIFIED, "Not justified"), (QUESTION, "Question: ask the person")]

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="emergency_accesses")
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="emergency_accesses")
    why = models.CharField("reason", max_length=12, choices=REASONS)
    words = models.CharField(max_length=250, help_text="The reason in the person's own words.")
    opened_at = models.DateTimeField(help_text="UTC.")
    ends_at = models.DateTimeField(help_text="UTC; brought forward when it is ended by hand.")
    verdict = models.CharField(max_length=12, choices=VERDICTS, blank=True)
    verdict_words = models.CharField(max_length=250, blank=True)
    judged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    judged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gte=F("opened_at")), name="emergency_access_ends"),
            models.CheckConstraint(
                condition=Q(verdict="", judged_at__isnull=True)
                | Q(verdict__in=["justified", "unjustified", "question"], judged_at__isnull=False),
                name="emergency_access_verdict",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "ends_at"], name="emergency_access_open"),
            models.Index(fields=["verdict", "opened_at"], name="emergency_access_queue"),
        ]

    def __str__(self) -> str:
        return f"Emergency access {self.pk}"


class StaffRecord(models.Model):
    """Which patient a person of the house is, so that look-ups of one's own and of co-workers' records are reported.

    ``birth_date`` with the person's family name finds the record where nobody has linked it.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_record")
    patient = models.ForeignKey(
        "patients.Patient", null=True, blank=True, on_delete=models.PROTECT, related_name="staff_records"
    )
    birth_date = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Staff record {self.pk}"
