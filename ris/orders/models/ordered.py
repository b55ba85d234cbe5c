"""The order: what was asked for (IHE: Imaging Service Request)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.catalog.models import Site
from ris.kernel.db.transitions import Stateful
from ris.patients.models import Patient, Visit

from .. import states


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
        "people.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="referred_orders",
        help_text="The account of the referrer, if they have one.",
    )  # fmt: skip
    referrer_entity = models.JSONField(
        default=list, blank=True,
        help_text="Who ordered, as they came in ORC-12, OBR-16 or PV1-8: [FAMILY^GIVEN, [[number, namespace, universal "
        "id, its type, type of number] each]].",
    )  # fmt: skip
    practitioner = models.ForeignKey(
        "people.Practitioner", null=True, blank=True, on_delete=models.SET_NULL, related_name="orders",
        help_text="The referrer's entry in the address book.",
    )  # fmt: skip
    copy_practitioners = models.ManyToManyField(
        "people.Practitioner", blank=True, related_name="copied_orders", help_text="Who gets copies (OBR-28)."
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
    copies_to = models.JSONField(
        default=list, blank=True, help_text="OBR-28: [number, FAMILY^GIVEN, authority, type] each."
    )
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
            # A placer may be called otherwise each time, and results often name no authority at all.
            models.Index(fields=["placer_number"], name="order_placer"),
            models.Index(
                fields=["sender_filler_number"], name="order_sender_filler", condition=~Q(sender_filler_number="")
            ),
        ]

    def __str__(self) -> str:
        return self.accession
