"""What is to be done: requested procedures and scheduled steps (PS3.3 7.3.1)."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import Exact

from ris.catalog.models import Device, Procedure
from ris.kernel.db.columns import JSONLength
from ris.kernel.db.transitions import Stateful, StatefulQuerySet
from ris.kernel.states import Step

from .. import states
from .ordered import Order


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


class StepQuerySet(StatefulQuerySet["ScheduledStep"]):
    """Scheduled steps: one that does not wait any more gives back the time that it had reserved."""

    def take_all(self, step: Step, **changes: Any) -> int:
        """As everywhere, and what was reserved is given back with the same statement."""
        if step.target not in states.WAITING:
            changes["reserved_until"] = None
        return super().take_all(step, **changes)


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
    reserved_until = models.DateTimeField(
        null=True, blank=True, help_text="No other step may reserve the device before, UTC; empty: none is kept away."
    )
    overbooked = models.CharField(max_length=120, blank=True, default="", help_text="Why it is booked all the same.")
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

    objects = StepQuerySet.as_manager()  # type: ignore[misc]  # Stateful has one of its own

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["procedure", "number"], name="scheduled_step_once"),
            # That reserved times do not overlap is held beside the models: ris.orders.services.reservation.
            models.CheckConstraint(condition=Q(reserved_until__gt=F("start")), name="scheduled_step_reserved"),
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
            models.Index(fields=["device", "start"], name="step_reserved", condition=Q(reserved_until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.procedure_id}/{self.number}"
