"""Rows of orders: order, requested procedure, scheduled and performed step (PS3.3 7.3.1), study in the archive."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.lookups import Exact

from ris.catalog.models import Device, Procedure, Site
from ris.kernel.db.columns import JSONLength
from ris.kernel.db.transitions import Stateful
from ris.patients.models import Patient, Visit

from . import states


class Order(Stateful):
    """What was asked for: one placer order (IHE: Imaging Service Request), under one accession number.

    The accession number is the stream of every event about it.
    """

    PRIORITIES = [
        ("STAT", "STAT"),
        ("HIGH", "Urgent"),
        ("MEDIUM", "Timing critical"),
        ("ROUTINE", "Routine"),
    ]

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="orders")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="orders")
    visit = models.ForeignKey(Visit, null=True, blank=True, on_delete=models.PROTECT, related_name="orders")
    accession = models.CharField(max_length=16, db_index=True, help_text="Accession Number (0008,0050).")
    placer_number = models.CharField(max_length=64, blank=True, help_text="ORC-2.1.")
    placer_authority = models.CharField(max_length=64, blank=True, help_text="ORC-2.2, else the sender's name.")
    placer_generation = models.PositiveSmallIntegerField(default=1, help_text="The number may be ordered anew: nth.")
    filler_number = models.CharField(max_length=64, blank=True, help_text="ORC-3.1; issued here.")
    sender_filler_number = models.CharField(max_length=64, blank=True, help_text="ORC-3.1 as the sender gave it.")
    placer_entity = models.JSONField(
        default=list, blank=True, help_text="ORC-2 as it came: [number, namespace, universal id, its type]."
    )
    filler_entity = models.JSONField(default=list, blank=True, help_text="ORC-3 as it came, alike.")
    group_entity = models.JSONField(default=list, blank=True, help_text="ORC-4 (placer group) as it came, alike.")
    priority = models.CharField(max_length=8, choices=PRIORITIES, default="ROUTINE")
    ordering_provider = models.CharField(max_length=194, blank=True, help_text="Name as FAMILY^GIVEN (ORC-12).")
    ordering_provider_id = models.CharField(max_length=32, blank=True, help_text="ORC-12.1.")
    ordering_provider_authority = models.CharField(
        max_length=64, blank=True, help_text="Who issued that number (ORC-12.9), such as NPI."
    )
    referrer = models.ForeignKey(
        "people.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="referred_orders"
    )
    reason = models.TextField(blank=True, help_text="Reason for study (OBR-31).")
    clinical_info = models.TextField(blank=True, help_text="Relevant clinical information (OBR-13).")
    comments = models.TextField(blank=True, help_text="Every NTE-3, in order.")
    reason_codes = models.JSONField(default=list, blank=True, help_text="OBR-31: [code, text, system] each.")
    diagnoses = models.JSONField(default=list, blank=True, help_text="DG1: [code, text, system, type] each.")
    observations = models.JSONField(
        default=list, blank=True, help_text="OBX of the order: [code, text, system, value, units] each."
    )
    weight_kg = models.FloatField(null=True, blank=True, help_text="From OBX (LOINC 29463-7, 3141-9 …).")
    height_m = models.FloatField(null=True, blank=True, help_text="From OBX (LOINC 8302-2, 3137-7 …).")
    call_back_phone = models.CharField(max_length=64, blank=True, help_text="ORC-14, else OBR-17.")
    copies_to = models.JSONField(default=list, blank=True, help_text="OBR-28: [number, FAMILY^GIVEN, authority] each.")
    patient_class = models.CharField(max_length=4, blank=True, help_text="PV1-2 as it came with the order.")
    patient_location = models.CharField(max_length=120, blank=True, help_text="PV1-3 as it came with the order.")
    referring_provider = models.CharField(max_length=194, blank=True, help_text="PV1-8 as FAMILY^GIVEN.")
    pregnant = models.BooleanField(null=True, blank=True, help_text="PV1-15 says B6.")
    transport = models.CharField(max_length=64, blank=True, help_text="OBR-30.")
    patient_state = models.CharField(max_length=64, blank=True, help_text="Danger code (OBR-12).")
    placed_at = models.DateTimeField(help_text="When the order was given, UTC.")
    source = models.CharField(max_length=64, help_text="Where it came from: a peer's name, or 'desk'.")
    flags = models.JSONField(default=list, help_text="What a person should look at, such as 'unknown procedure'.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["placer_authority", "placer_number", "placer_generation"],
                condition=~Q(placer_number=""),
                name="order_placer_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[states.ACTIVE, states.HELD, states.CANCELLED]), name="order_state"
            ),
        ]
        indexes = [
            models.Index(fields=["site", "-placed_at"], name="order_recent"),
            models.Index(
                fields=["sender_filler_number"], name="order_sender_filler", condition=~Q(sender_filler_number="")
            ),
        ]

    def __str__(self) -> str:
        return self.accession


class RequestedProcedure(Stateful):
    """One procedure of an order: the unit that gets a study, a reading item and a report."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="procedures")
    number = models.CharField(max_length=16, help_text="Requested Procedure ID (0040,1001); unique in its order.")
    study_uid = models.CharField("Study Instance UID", max_length=64, unique=True)
    performed_study_uid = models.CharField(
        max_length=64, blank=True, db_index=True,
        help_text="The study in which its images are, where another procedure has that one (group case).",
    )  # fmt: skip
    procedure = models.ForeignKey(
        Procedure, null=True, blank=True, on_delete=models.PROTECT, help_text="Empty while the code is unknown here."
    )
    code = models.CharField(max_length=64, help_text="As it was sent.")
    code_text = models.CharField(max_length=200, blank=True)
    coding_system = models.CharField(max_length=64, blank=True)
    modality = models.CharField(max_length=16)
    laterality = models.CharField(max_length=1, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="requested_procedure_once"),
            models.CheckConstraint(
                condition=Q(state__in=[states.ACTIVE, states.HELD, states.CANCELLED]), name="requested_procedure_state"
            ),
        ]

    def __str__(self) -> str:
        return self.code_text or self.code

    @property
    def image_study_uid(self) -> str:
        """The Study Instance UID under which the images of this procedure are, or will be."""
        return self.performed_study_uid or self.study_uid


class ScheduledStep(Stateful):
    """Scheduled Procedure Step: what is to be done, where and when. What the modality worklist lists."""

    procedure = models.ForeignKey(RequestedProcedure, on_delete=models.PROTECT, related_name="steps")
    number = models.CharField(max_length=16, help_text="Scheduled Procedure Step ID (0040,0009).")
    modality = models.CharField(max_length=16)
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.PROTECT, related_name="steps")
    station_aes = models.JSONField(default=list, help_text="AE titles asked for, known here or not (0040,0001).")
    station_names = models.JSONField(default=list, help_text="(0040,0010).")
    location = models.CharField(max_length=64, blank=True, help_text="(0040,0011).")
    start = models.DateTimeField(help_text="Planned start, UTC.")
    minutes = models.PositiveSmallIntegerField(default=15)
    description = models.CharField(max_length=120, blank=True, help_text="(0040,0007).")
    protocol_code = models.CharField(max_length=64, blank=True)
    protocol_system = models.CharField(max_length=64, blank=True)
    protocol_text = models.CharField(max_length=120, blank=True)
    protocol_codes = models.JSONField(
        default=list, blank=True, help_text="All protocols, the first is the one above: [code, text, system] each."
    )
    performing_physician = models.CharField(max_length=194, blank=True, help_text="FAMILY^GIVEN (0040,0006).")
    arrived_at = models.DateTimeField(null=True, blank=True)
    stray = models.GeneratedField(
        expression=models.Case(
            models.When(device__isnull=True, then=models.Value(True)),
            models.When(Exact(JSONLength("station_aes"), 1), then=models.Value(False)),
            default=models.Value(True),
        ),
        output_field=models.BooleanField(),
        db_persist=True,
        help_text="Names none or several stations, or one unknown here: found by AE title, not by device.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["procedure", "number"], name="scheduled_step_once"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        states.SCHEDULED,
                        states.ARRIVED,
                        states.STARTED,
                        states.COMPLETED,
                        states.DISCONTINUED,
                        states.CANCELLED,
                    ]
                ),
                name="scheduled_step_state",
            ),
        ]
        indexes = [
            models.Index(fields=["device", "state", "start"], name="step_device_start"),
            models.Index(fields=["state", "start"], name="step_start"),
            models.Index(fields=["state", "modality", "start"], name="step_modality_start"),
            models.Index(fields=["state", "start"], name="step_stray_start", condition=Q(stray=True)),
        ]

    def __str__(self) -> str:
        return f"{self.procedure_id}/{self.number}"


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
