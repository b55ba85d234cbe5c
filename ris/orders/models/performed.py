"""What was done: performed steps (PS3.3 7.3.1), and the study in the archive."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.catalog.models import Device
from ris.kernel.db.transitions import Stateful

from .. import states
from .scheduled import RequestedProcedure, ScheduledStep


class PerformedStep(Stateful):
    """Performed Procedure Step: what a device says it did (MPPS), or a technologist by hand."""

    mpps_uid = models.CharField("SOP Instance UID", max_length=64, unique=True)
    number = models.CharField(max_length=16, blank=True, help_text="(0040,0253).")
    by_hand = models.BooleanField(default=False, help_text="Said by a person or another system, not by the device.")
    steps = models.ManyToManyField(ScheduledStep, related_name="performed", blank=True)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.PROTECT)
    station_ae = models.CharField(max_length=16, blank=True)
    study_uid = models.CharField(max_length=64, blank=True, db_index=True)
    accession = models.CharField(max_length=16, blank=True, db_index=True, help_text="As the device sent it.")
    modality = models.CharField(max_length=16, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reason_code = models.CharField(max_length=16, blank=True, help_text="Discontinuation reason (0040,0281).")
    series = models.JSONField(default=list, help_text="Series UIDs with instance counts.")
    protocol_codes = models.JSONField(
        default=list, blank=True, help_text="Performed protocols (0040,0260): [code, text, system] each."
    )
    dose = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[states.IN_PROGRESS, states.COMPLETED, states.DISCONTINUED]),
                name="performed_step_state",
            ),
        ]
        indexes = [models.Index(fields=["state", "ended_at"], name="performed_ended")]

    def __str__(self) -> str:
        return self.mpps_uid


class Study(models.Model):
    """What is in the archive under a Study Instance UID, as far as an archive told of it."""

    study_uid = models.CharField("Study Instance UID", max_length=64, unique=True)
    procedure = models.OneToOneField(
        RequestedProcedure, null=True, blank=True, on_delete=models.PROTECT, related_name="study"
    )
    first_seen_at = models.DateTimeField(help_text="When the first object was known to be there, UTC.")
    complete_at = models.DateTimeField(null=True, blank=True, help_text="When it was known to be whole, UTC.")
    instances = models.PositiveIntegerField(default=0)
    grown_at = models.DateTimeField(null=True, blank=True, help_text="When more objects were last heard of, UTC.")
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="When objects of it were said to be gone, UTC; empty: none is."
    )
    patient_number = models.CharField(max_length=64, blank=True, help_text="(0010,0020) as the archive has it.")
    patient_name = models.CharField(max_length=194, blank=True, help_text="(0010,0010) as the archive has it.")
    accession = models.CharField(max_length=16, blank=True, help_text="(0008,0050) as the archive has it.")
    modality = models.CharField(max_length=16, blank=True, help_text="First of (0008,0061) in the archive.")
    performed_on = models.DateField(null=True, blank=True, help_text="(0008,0020) as the archive has it.")
    retrieve_ae = models.CharField(max_length=16, blank=True)

    class Meta:
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return self.study_uid
