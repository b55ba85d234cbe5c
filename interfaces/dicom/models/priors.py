from __future__ import annotations

from django.db import models

from ris.kernel.stateful import Stateful
from ris.orders.models import RequestedProcedure

from .remotes import Archive


class Prefetch(Stateful):
    """The priors of one requested procedure, looked for in one archive."""

    procedure = models.ForeignKey(RequestedProcedure, on_delete=models.CASCADE, related_name="prefetches")
    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="prefetches")
    urgent = models.BooleanField(default=False, help_text="STAT: looked for first, and in quiet hours too.")
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0, help_text="Studies of the patient in the archive.")
    error = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "prefetches"
        constraints = [models.UniqueConstraint(fields=["procedure", "archive"], name="prefetch_once")]
        indexes = [models.Index(fields=["state", "-urgent", "due_at"], name="prefetch_due")]

    def __str__(self) -> str:
        return f"priors of {self.procedure_id} in {self.archive_id}"


class PriorMove(Stateful):
    """One prior study that is moved to a destination. Never twice to the same."""

    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="moves")
    prefetch = models.ForeignKey(Prefetch, on_delete=models.CASCADE, related_name="moves")
    study_uid = models.CharField("Study Instance UID", max_length=64)
    destination = models.CharField(max_length=16)
    urgent = models.BooleanField(default=False)
    score = models.FloatField(help_text="Of the plan: the best go first.")
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    instances = models.PositiveIntegerField(default=0, help_text="Moved, as the archive counted.")
    error = models.CharField(max_length=120, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study_uid", "destination"], name="prior_moved_once")]
        indexes = [models.Index(fields=["state", "-urgent", "due_at"], name="prior_move_due")]

    def __str__(self) -> str:
        return f"{self.study_uid} → {self.destination}"
