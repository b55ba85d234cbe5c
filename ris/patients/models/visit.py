"""Visits."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.catalog.models import Site

from .patient import Patient


class Visit(models.Model):
    """A stay or appointment to which orders belong (PV1)."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="visits")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="visits")
    STATES = [
        ("", "Not said"),
        ("expected", "Expected"),
        ("admitted", "Admitted"),
        ("outpatient", "Outpatient"),
        ("discharged", "Discharged"),
        ("cancelled", "Cancelled"),
    ]

    number = models.CharField(max_length=64, help_text="Visit number (PV1-19, else PID-18); Admission ID in DICOM.")
    authority = models.CharField(max_length=64)
    patient_class = models.CharField(max_length=4, blank=True, help_text="PV1-2: E, I, O, P…")
    location = models.CharField(max_length=120, blank=True, help_text="PV1-3 as point of care-room-bed.")
    attending = models.CharField(max_length=194, blank=True, help_text="Name as FAMILY^GIVEN.")
    referring = models.CharField(max_length=194, blank=True, help_text="Name as FAMILY^GIVEN.")
    pregnant = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=STATES, blank=True, help_text="By the latest ADT event that says.")
    discharge_pending = models.BooleanField(default=False, help_text="The patient is to leave soon: A16, or PV2-9.")
    updated_at = models.DateTimeField(null=True, blank=True, help_text="Moment of the newest message (UTC).")
    said = models.JSONField(default=dict, help_text="Field → rank of the message that wrote it: moment, message id.")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["authority", "number"], name="visit_once"),
            models.CheckConstraint(
                condition=Q(state__in=["", "expected", "admitted", "outpatient", "discharged", "cancelled"]),
                name="visit_state",
            ),
        ]

    def __str__(self) -> str:
        return f"Visit {self.pk}"
