"""Reached rungs, escalation routes, and escalation messages."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.db import models
from django.db.models import Q

from ris.catalog.models import Site
from ris.kernel.db.columns import SealedTextField
from ris.kernel.queue import Owed, QueueSteps
from ris.kernel.states import step

from .items import ReadingItem


class Escalation(models.Model):
    """A rung of the ladder that an item reached; one row each, so it happens once however many sweeps run."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="escalations")
    rung = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "rung"], name="escalation_once")]
        indexes = [models.Index(fields=["-at"], name="escalation_recent")]

    def __str__(self) -> str:
        return f"Item {self.item_id}, rung {self.rung}"


class EscalationRoute(models.Model):
    """Who else is told when a case reaches a rung. Without a row nobody is: the coordinator's screen has it anyway."""

    EMAIL, WEBHOOK, SCREEN = "email", "webhook", "screen"
    WAYS = [(EMAIL, "E-mail"), (WEBHOOK, "Webhook (POST)"), (SCREEN, "Coordinator's screen")]

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: everywhere."
    )
    rung = models.PositiveSmallIntegerField(
        choices=[(1, "1: half"), (2, "2: three quarters"), (3, "3: nine tenths"), (4, "4: breach")]
    )
    urgency = models.PositiveSmallIntegerField(
        choices=ReadingItem.URGENCIES, default=5, help_text="Cases of this class and of more urgent ones."
    )
    way = models.CharField(max_length=7, choices=WAYS)
    # The address of a webhook may hold a token.
    address = SealedTextField(
        max_length=200, blank=True, help_text="E-mail address, or http(s) address to POST to."
    )  # fmt: skip
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name = "escalation message"
        verbose_name_plural = "escalation messages"
        constraints = [
            models.CheckConstraint(condition=Q(rung__range=(1, 4)), name="escalation_route_rung"),
            models.CheckConstraint(condition=Q(way="screen") | ~Q(address=""), name="escalation_route_address"),
        ]

    def __str__(self) -> str:
        return f"{self.get_rung_display()} to {self.address or self.get_way_display()}"

    def clean(self) -> None:
        """Raise ValidationError for an address to which nothing could be sent."""
        if self.way == self.SCREEN:
            self.address = ""
            return
        try:
            (validate_email if self.way == self.EMAIL else URLValidator(["http", "https"]))(self.address)
        except ValidationError as error:
            raise ValidationError({"address": error.messages}) from None


class EscalationMessage(Owed):
    """One rung of one case to be told to one address: owed until it was sent, or given up. A task sends it."""

    OWED, SENT, GIVEN_UP, SHOWN = "owed", "sent", "given up", "shown"
    STEPS = QueueSteps(
        claim=step("claim", [OWED], OWED),
        postpone=step("postpone", [OWED], OWED),
        complete=step("mark as sent", [OWED], SENT),
        give_up=step("give up", [OWED], GIVEN_UP),
    )

    escalation = models.ForeignKey(Escalation, on_delete=models.CASCADE, related_name="messages")
    way = models.CharField(max_length=7)
    address = SealedTextField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["escalation", "way", "address"], name="escalation_message_once"),
            models.CheckConstraint(
                condition=Q(state__in=["owed", "sent", "given up", "shown"]), name="escalation_message_state"
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="escalation_message_due")]

    def __str__(self) -> str:
        return f"Message {self.pk} ({self.state})"
