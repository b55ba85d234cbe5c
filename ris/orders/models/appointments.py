"""Appointments that another system makes (SIU): kept whether or not their order is known here."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.catalog.models import Device, Site
from ris.kernel.db.transitions import Stateful
from ris.patients.models import Patient

from .. import states
from .ordered import Order


class Appointment(Stateful):
    """One appointment of a patient, as its sender said it last. The times of an order are those of its steps.

    ``source`` and the numbers say which one it is: SCH-2 (filler), else SCH-1 (placer).
    """

    STATES = [
        (states.BOOKED, "Booked"),
        (states.MOVED, "Moved"),
        (states.CANCELLED, "Cancelled"),
        (states.NO_SHOW, "No-show"),
        (states.BLOCKED, "Blocked"),
    ]

    state = models.CharField(max_length=16, choices=STATES)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="appointments")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="appointments")
    source = models.CharField(max_length=64, help_text="The sender's name.")
    placer_number = models.CharField(max_length=64, blank=True, help_text="SCH-1.1.")
    placer_authority = models.CharField(max_length=64, blank=True, help_text="SCH-1.2.")
    filler_number = models.CharField(max_length=64, blank=True, help_text="SCH-2.1.")
    filler_authority = models.CharField(max_length=64, blank=True, help_text="SCH-2.2.")
    order_numbers = models.JSONField(
        default=list, blank=True, help_text="Numbers of the order that it names (SCH-26, SCH-27), known here or not."
    )
    services = models.JSONField(default=list, help_text="AIS-3, else SCH-7 and SCH-8: [code, text, system] each.")
    resources = models.JSONField(default=list, help_text="AIL, AIG and AIP, as texts.")
    device = models.ForeignKey(Device, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    start = models.DateTimeField(null=True, blank=True, help_text="UTC.")
    minutes = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=250, blank=True, help_text="SCH-6, why it was changed or called off.")
    said_at = models.DateTimeField(help_text="When the sender said it, UTC: what was said later stands.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[states.BOOKED, states.MOVED, states.CANCELLED, states.NO_SHOW, states.BLOCKED]),
                name="appointment_state",
            ),
        ]
        indexes = [
            models.Index(fields=["source", "filler_number"], name="appointment_filler"),
            models.Index(fields=["source", "placer_number"], name="appointment_placer"),
            models.Index(
                fields=["patient"],
                name="appointment_waiting",
                condition=Q(order__isnull=True, state__in=[states.BOOKED, states.MOVED]),
            ),
        ]

    def __str__(self) -> str:
        return f"Appointment {self.pk}"

    @property
    def service(self) -> str:
        """What it is for, for a person."""
        return ", ".join(text or code for code, text, _ in self.services)
