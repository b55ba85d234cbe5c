"""MPPS instances as received, exams without images, and forwards of MPPS messages."""

from __future__ import annotations

from django.db import models

from ris.kernel.queue import Owed
from ris.orders.models import PerformedStep

from .. import states
from .remotes import MppsTarget


class Mpps(models.Model):
    """A Modality Performed Procedure Step as the device told it: the whole dataset, beside what was understood."""

    performed = models.OneToOneField(PerformedStep, on_delete=models.PROTECT, related_name="mpps")
    uid = models.CharField("SOP Instance UID", max_length=64, unique=True)
    dataset = models.BinaryField(help_text="Everything said so far, Explicit VR Little Endian.")
    revision = models.PositiveIntegerField(default=1, help_text="Grows with each N-SET.")
    calling_ae = models.CharField(max_length=16, blank=True)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True, help_text="(0010,0020) as sent.")
    supplies = models.JSONField(default=list, help_text="Contrast and other consumables.")
    violations = models.JSONField(default=list, help_text="What was wrong with it and let pass.")
    updated_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        verbose_name = "MPPS"
        verbose_name_plural = "MPPS"

    def __str__(self) -> str:
        return self.uid


class NoImages(models.Model):
    """A person said that no images of this exam are expected: it is missed no more."""

    performed = models.OneToOneField(PerformedStep, on_delete=models.CASCADE, related_name="no_images")
    reason = models.CharField(max_length=250)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "exams without images"

    def __str__(self) -> str:
        return f"no images of {self.performed_id}"


class AvailableInstance(models.Model):
    """One object that an archive notified of (IAN): notifications name parts of a study, so its objects are counted."""

    study_uid = models.CharField("Study Instance UID", max_length=64)
    sop_uid = models.CharField("SOP Instance UID", max_length=64)
    at = models.DateTimeField(help_text="UTC.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study_uid", "sop_uid"], name="available_instance_once")]
        indexes = [models.Index(fields=["at"], name="available_instance_at")]

    def __str__(self) -> str:
        return self.sop_uid


class MppsForward(Owed):
    """One N-CREATE or N-SET owed to a target. Per target and exam the oldest goes first."""

    mpps = models.ForeignKey(Mpps, on_delete=models.CASCADE, related_name="forwards")
    target = models.ForeignKey(MppsTarget, on_delete=models.CASCADE, related_name="forwards")
    creates = models.BooleanField(help_text="N-CREATE, else N-SET.")
    dataset = models.BinaryField(help_text="Explicit VR Little Endian.")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["target", "mpps", "id"], name="mpps_forward_lane", condition=models.Q(state=states.OWED)
            )
        ]

    def __str__(self) -> str:
        return f"{'N-CREATE' if self.creates else 'N-SET'} {self.mpps_id} → {self.target_id}"
