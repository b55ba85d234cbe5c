"""What happened to cases, kept to be explained later: decisions, skips, offers; and the priors planned for them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.kernel.queue import Owed, QueueSteps
from ris.kernel.states import step
from ris.orders.models import RequestedProcedure

from .items import ReadingItem


class Decision(models.Model):
    """Why the rules did what they did with an item at a moment. Never changed; pruned by age."""

    OPENED, RESCORED, ASSIGNED, CLAIMED, ESCALATED = "opened", "rescored", "assigned", "claimed", "escalated"

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="decisions")
    kind = models.CharField(max_length=10)
    at = models.DateTimeField()
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    rule_set = models.CharField(max_length=64, blank=True, help_text="Versions in force, such as 0#3,2#1.")
    body = models.JSONField(default=dict, help_text="Facts, rules that fired, score terms, candidates; ids only.")

    class Meta:
        indexes = [models.Index(fields=["item", "at"], name="decision_item")]

    def __str__(self) -> str:
        return f"{self.kind} of item {self.item_id}"


class PriorPlan(models.Model):
    """An earlier study worth having at hand before this exam is read. Carried out by the DICOM side."""

    PLANNED, FETCHED, FAILED = "planned", "fetched", "failed"
    DROPPED, CANCELLED = "dropped", "cancelled"
    """No longer worth it; its exam will not be."""

    procedure = models.ForeignKey(RequestedProcedure, on_delete=models.CASCADE, related_name="prior_plans")
    study_uid = models.CharField("Study Instance UID", max_length=64)
    prior = models.ForeignKey(
        RequestedProcedure,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="What it was ordered as; empty for a study that only an archive knows.",
    )
    day = models.DateField(null=True, blank=True, help_text="Of the study; empty where an archive's cannot be read.")
    modality = models.CharField(max_length=16, blank=True)
    region = models.CharField(max_length=32, blank=True)
    side = models.CharField(max_length=1, blank=True)
    description = models.CharField(max_length=64, blank=True, help_text="Study Description, of an archive.")
    score = models.FloatField()
    reasons = models.JSONField(default=list, help_text="Names of the terms that chose it.")
    state = models.CharField(max_length=9, default=PLANNED)
    planned_at = models.DateTimeField()
    checked_at = models.DateTimeField(help_text="When it was last found still to be right.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["procedure", "study_uid"], name="prior_plan_once")]
        indexes = [
            models.Index(fields=["state", "planned_at"], name="prior_plan_state"),
            models.Index(fields=["study_uid", "state"], name="prior_plan_study"),
        ]

    def __str__(self) -> str:
        return f"{self.study_uid} for {self.procedure_id}"


class Skip(models.Model):
    """A reader declined an item, and why. They are not offered it again."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="skips")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=250)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "item"], name="skip_once")]

    def __str__(self) -> str:
        return f"Skip of item {self.item_id}"


class Offer(models.Model):
    """A most urgent item pushed to one reader, who accepts, declines, or lets it lapse."""

    OPEN, ACCEPTED, DECLINED, LAPSED = "open", "accepted", "declined", "lapsed"

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="offers")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="offers")
    offered_at = models.DateTimeField()
    until = models.DateTimeField()
    outcome = models.CharField(max_length=8, default=OPEN)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(outcome="open"), name="offer_one_open"),
        ]
        indexes = [models.Index(fields=["outcome", "until"], name="offer_lapsing")]

    def __str__(self) -> str:
        return f"Offer of item {self.item_id}"


class OfferCall(Owed):
    """An offer of which its reader is to be told by telephone: owed until it was sent, given up, or over."""

    OWED, SENT, GIVEN_UP, OVER = "owed", "sent", "given up", "over"
    STEPS = QueueSteps(
        claim=step("claim", [OWED], OWED),
        postpone=step("postpone", [OWED], OWED),
        complete=step("mark as sent", [OWED], SENT),
        give_up=step("give up", [OWED], GIVEN_UP),
    )
    END = step("end with its offer", [OWED], OVER)

    offer = models.OneToOneField(Offer, on_delete=models.CASCADE, related_name="call")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["owed", "sent", "given up", "over"]), name="offer_call_state"
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at"], name="offer_call_due")]

    def __str__(self) -> str:
        return f"Call {self.pk} ({self.state})"
