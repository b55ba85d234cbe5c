"""Reminders of appointments: through which channel a site reminds, and what is owed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ris.catalog.models import Site
from ris.kernel.queue import Owed, QueueSteps
from ris.kernel.states import step
from ris.orders.models import ScheduledStep

from .. import states


class ReminderChannel(models.Model):
    """Where a site's reminders go: its messenger (webhook), or the mailbox of who writes or calls."""

    MAIL, WEBHOOK = "mail", "webhook"
    WAYS = [(MAIL, "Mail"), (WEBHOOK, "Webhook")]

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="reminder_channels")
    way = models.CharField(max_length=7, choices=WAYS)
    address = models.CharField(max_length=200, help_text="A mail address, or the https address of the messenger.")
    hours_before = models.PositiveSmallIntegerField(default=24, help_text="An appointment made later is not reminded.")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["site", "pk"]
        constraints = [models.CheckConstraint(condition=Q(hours_before__gt=0), name="reminder_hours")]

    def __str__(self) -> str:
        return f"{self.site}: {self.way}, {self.hours_before} h before"


class Reminder(Owed):
    """One reminder of an appointment at its time. An appointment that is moved is reminded of anew."""

    STATES = [
        (states.OWED, "Owed"),
        (states.SENT, "Sent"),
        (states.DROPPED, "Dropped"),
        (states.FAILED, "Failed"),
    ]
    STEPS = QueueSteps(
        claim=step("claim", [states.OWED], states.OWED),
        postpone=step("postpone", [states.OWED], states.OWED),
        complete=step("mark as sent", [states.OWED], states.SENT),
        give_up=step("give up", [states.OWED], states.FAILED),
    )

    state = models.CharField(max_length=16, choices=STATES, default=states.OWED)
    step = models.ForeignKey(ScheduledStep, on_delete=models.CASCADE, related_name="reminders")
    channel = models.ForeignKey(ReminderChannel, on_delete=models.CASCADE, related_name="reminders")
    start = models.DateTimeField(help_text="The time of which it reminds, UTC.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[states.OWED, states.SENT, states.DROPPED, states.FAILED]), name="reminder_state"
            ),
            models.UniqueConstraint(fields=["step", "channel", "start"], name="reminder_once"),
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="reminder_due")]

    def __str__(self) -> str:
        return f"Reminder {self.pk}"
