"""Who holds a time while filling in a form, who waits for one, what is offered to them, what is owed to be sent."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ris.catalog.models import Device
from ris.kernel.db.transitions import Stateful
from ris.orders.models import ScheduledStep
from ris.people.models import User

from .. import states


class Hold(models.Model):
    """A time that nobody else may book while somebody fills in a form; it ends by itself."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    start = models.DateTimeField(help_text="UTC.")
    until = models.DateTimeField(help_text="UTC.")
    holder = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(until__gt=F("start")), name="hold_order")]
        indexes = [models.Index(fields=["device", "start"], name="hold_device_start")]

    def __str__(self) -> str:
        return f"Hold {self.pk}"


class WaitingEntry(Stateful):
    """A step whose patient waits for a time, or for a sooner one."""

    STATES = [(states.WAITING, "Waiting"), (states.BOOKED, "Booked"), (states.WITHDRAWN, "Withdrawn")]

    state = models.CharField(max_length=16, choices=STATES, default=states.WAITING)
    step = models.ForeignKey(ScheduledStep, on_delete=models.CASCADE, related_name="waiting_entries")
    earliest = models.DateTimeField(help_text="Not before, UTC.")
    wanted_by = models.DateTimeField(null=True, blank=True, help_text="At the latest, UTC.")
    note = models.CharField(max_length=250, blank=True, help_text="Such as: mornings only.")
    entered_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "waiting entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[states.WAITING, states.BOOKED, states.WITHDRAWN]), name="waiting_entry_state"
            ),
            models.UniqueConstraint(fields=["step"], condition=Q(state=states.WAITING), name="waiting_once"),
        ]
        indexes = [models.Index(fields=["state", "entered_at"], name="waiting_entered")]

    def __str__(self) -> str:
        return f"Waiting entry {self.pk}"


class Offer(Stateful):
    """A free time that is offered to one who waits; the first of several to accept has it."""

    STATES = [
        (states.OPEN, "Open"),
        (states.ACCEPTED, "Accepted"),
        (states.DECLINED, "Declined"),
        (states.EXPIRED, "Expired"),
    ]

    state = models.CharField(max_length=16, choices=STATES, default=states.OPEN)
    entry = models.ForeignKey(WaitingEntry, on_delete=models.CASCADE, related_name="offers")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    start = models.DateTimeField(help_text="UTC.")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="UTC.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[states.OPEN, states.ACCEPTED, states.DECLINED, states.EXPIRED]),
                name="offer_state",
            ),
            models.UniqueConstraint(fields=["entry", "device", "start"], name="offer_once"),
        ]

    def __str__(self) -> str:
        return f"Offer {self.pk}"
