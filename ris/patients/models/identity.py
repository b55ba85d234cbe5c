"""Who is who: questions, possible duplicates, merges."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from .patient import Patient


class IdentityQuestion(models.Model):
    """Somebody was described under a patient's number in a way that does not fit: a person decides who is meant."""

    OPEN, SAME, ANOTHER = "open", "same", "another"
    STATES = [(OPEN, "Open"), (SAME, "The same person"), (ANOTHER, "Another person")]

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="identity_questions")
    said = models.JSONField(help_text="family, given, ideographic, birth_date (ISO), sex, as they were said.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was said.")
    verdict = models.CharField(max_length=8, help_text="unsure or another (ris.patients.matching).")
    differing = models.JSONField(default=list, help_text="Which traits differ: name, birth date, sex.")
    source = models.CharField(max_length=120, help_text="Who said it.")
    message_id = models.BigIntegerField(null=True, blank=True, help_text="The message that said it last.")
    held = models.BooleanField(default=False, help_text="What was said with it was not applied.")
    state = models.CharField(max_length=8, choices=STATES, default=OPEN)
    asked_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "fingerprint"], name="identity_question_once"),
            models.CheckConstraint(condition=Q(state__in=["open", "same", "another"]), name="identity_question_state"),
        ]
        indexes = [models.Index(fields=["state", "last_at"], name="identity_question_open")]

    def __str__(self) -> str:
        return f"Identity question {self.pk}"


class PossibleDuplicate(models.Model):
    """Two living patients who may be one person: born the same day, with the same or nearly the same name."""

    OPEN, MERGED, DIFFERENT = "open", "merged", "different"
    STATES = [(OPEN, "Open"), (MERGED, "One person: merged"), (DIFFERENT, "Two people")]

    first = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+", help_text="The smaller id.")
    second = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=9, choices=STATES, default=OPEN)
    name_fit = models.CharField(max_length=8, help_text="equal or near (ris.patients.matching).")
    found_at = models.DateTimeField(help_text="UTC.")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="possible_duplicate_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="possible_duplicate_ordered"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "merged", "different"]), name="possible_duplicate_state"
            ),
        ]
        indexes = [models.Index(fields=["state", "found_at"], name="possible_duplicate_open")]

    def __str__(self) -> str:
        return f"Possible duplicate {self.pk}"


class Merge(models.Model):
    """One record was merged into another, and what moved by it, so that it can go back.

    Without ``merged_at``: a sender separated two whom nobody had merged; an earlier merge that comes later is void.
    """

    survivor = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="merges")
    retired = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="retirements")
    merged_at = models.DateTimeField(null=True, blank=True)
    said_at = models.DateTimeField(help_text="When its sender said so (UTC).")
    actor = models.CharField(max_length=120)
    moved = models.JSONField(help_text="Kind → ids of what moved; of identifiers [id, retired, silent] as they were.")
    own = models.JSONField(default=dict, help_text="Kind → ids of what the one who remains had before.")
    since = models.JSONField(
        default=dict, help_text="Kind → ids of what came while the two were one: it stayed, a person decides."
    )
    separated_at = models.DateTimeField(null=True, blank=True)
    separated_said_at = models.DateTimeField(null=True, blank=True)
    separated_by = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=250, blank=True, help_text="Why it was undone.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["retired"], condition=Q(separated_at__isnull=True), name="merge_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(merged_at__isnull=False) | Q(separated_at__isnull=False), name="merge_or_separation"
            ),
        ]

    def __str__(self) -> str:
        return f"Merge {self.pk}"
