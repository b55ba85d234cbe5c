"""Requests for prior studies, where they are moved to, and the moves."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.catalog.models import Site
from ris.kernel.queue import Owed
from ris.orders.models import RequestedProcedure

from .remotes import Archive


class Prefetch(Owed):
    """The priors of one requested procedure, looked for in one archive."""

    procedure = models.ForeignKey(RequestedProcedure, on_delete=models.CASCADE, related_name="prefetches")
    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="prefetches")
    urgent = models.BooleanField(default=False, help_text="STAT: looked for first, and in quiet hours too.")
    found = models.PositiveIntegerField(default=0, help_text="Studies of the patient in the archive.")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "prefetches"
        constraints = [models.UniqueConstraint(fields=["procedure", "archive"], name="prefetch_once")]
        indexes = [models.Index(fields=["state", "-urgent", "due_at"], name="prefetch_due")]

    def __str__(self) -> str:
        return f"priors of {self.procedure_id} in {self.archive_id}"


class PriorDestination(models.Model):
    """Where priors are wanted at hand: at a site, or at a reader's own workstation."""

    site = models.OneToOneField(
        Site, null=True, blank=True, on_delete=models.CASCADE, help_text="Instead of each archive's own destination."
    )
    reader = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="prior_destination",
        help_text="Too, for the cases that are suggested to this reader or that the reader takes.",
    )
    ae_title = models.CharField("AE title", max_length=16, help_text="As the archives know it.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(site__isnull=True, reader__isnull=False) | Q(site__isnull=False, reader__isnull=True),
                name="prior_destination_of_one",
            )
        ]

    def __str__(self) -> str:
        return self.ae_title


class PriorMove(Owed):
    """One prior study that is moved to a destination. Never twice to the same."""

    archive = models.ForeignKey(Archive, on_delete=models.CASCADE, related_name="moves")
    prefetch = models.ForeignKey(Prefetch, on_delete=models.CASCADE, related_name="moves")
    study_uid = models.CharField("Study Instance UID", max_length=64)
    destination = models.CharField(max_length=16)
    urgent = models.BooleanField(default=False)
    score = models.FloatField(help_text="Of the plan: the best go first.")
    instances = models.PositiveIntegerField(default=0, help_text="Moved, as the archive counted.")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study_uid", "destination"], name="prior_moved_once")]
        indexes = [models.Index(fields=["state", "-urgent", "due_at"], name="prior_move_due")]

    def __str__(self) -> str:
        return f"{self.study_uid} → {self.destination}"


class DoubtfulPrior(models.Model):
    """A study that an archive has under the patient's number and that may be another patient's: it is not moved."""

    prefetch = models.ForeignKey(Prefetch, on_delete=models.CASCADE, related_name="doubtful")
    study_uid = models.CharField("Study Instance UID", max_length=64)
    day = models.DateField(null=True, blank=True)
    modality = models.CharField(max_length=16, blank=True)
    description = models.CharField(max_length=64, blank=True, help_text="Study Description.")
    doubts = models.JSONField(default=list, help_text="Why, in words; no value of either patient.")
    found_at = models.DateTimeField(help_text="UTC.")
    accepted_at = models.DateTimeField(null=True, blank=True, help_text="When a person said that it is this patient's.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefetch", "study_uid"], name="doubtful_prior_once")]
        indexes = [models.Index(fields=["accepted_at", "-found_at"], name="doubtful_prior_open")]

    def __str__(self) -> str:
        return f"{self.study_uid}: {', '.join(self.doubts)}"
