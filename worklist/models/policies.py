"""The numbers of the score that a house put in force instead of the preset ones."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class ScorePolicy(models.Model):
    """One version of the score's numbers: proposed, in force, or retired. Never changed once it was in force."""

    PROPOSED, LIVE, RETIRED = "proposed", "live", "retired"

    state = models.CharField(max_length=8, default=PROPOSED)
    values = models.JSONField(default=dict, help_text="See worklist.rules.policy; what is not named is as preset.")
    expected = models.JSONField(default=dict, blank=True, help_text="What was simulated of it: figures with errors.")
    note = models.CharField(max_length=250, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    in_force_from = models.DateTimeField(null=True, blank=True)
    in_force_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "score policies"
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="live"), name="score_policy_one_live"),
            models.CheckConstraint(condition=Q(state__in=["proposed", "live", "retired"]), name="score_policy_state"),
        ]

    def __str__(self) -> str:
        return f"Score policy {self.pk} ({self.state})"
