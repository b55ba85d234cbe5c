from __future__ import annotations

from django.conf import settings
from django.db import models

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
    """A prior exam worth having at hand before this one is read. Carried out by the DICOM side."""

    PLANNED, FETCHED, FAILED, DROPPED = "planned", "fetched", "failed", "dropped"

    procedure = models.ForeignKey(RequestedProcedure, on_delete=models.CASCADE, related_name="prior_plans")
    prior = models.ForeignKey(RequestedProcedure, on_delete=models.CASCADE, related_name="+")
    score = models.FloatField()
    reasons = models.JSONField(default=list, help_text="Names of the terms that chose it.")
    state = models.CharField(max_length=8, default=PLANNED)
    planned_at = models.DateTimeField()
    checked_at = models.DateTimeField(help_text="When it was last found still to be right.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["procedure", "prior"], name="prior_plan_once")]
        indexes = [models.Index(fields=["state", "planned_at"], name="prior_plan_state")]

    def __str__(self) -> str:
        return f"Prior {self.prior_id} for {self.procedure_id}"
