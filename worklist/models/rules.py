"""What decides about cases: rule sets, and the numbers of the score. A version that was in force is never changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from ris.catalog.models import Site


class RuleSet(models.Model):
    """An ordered list of rules, as one version that is never changed once it has been in force."""

    DRAFT, LIVE, RETIRED = "draft", "live", "retired"

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="rule_sets", help_text="Empty: all sites."
    )
    number = models.PositiveIntegerField(help_text="Version, counted for each site.")
    state = models.CharField(max_length=8, default=DRAFT)
    rules = models.JSONField(default=list, help_text="See worklist.rules.language.parser.")
    note = models.CharField(max_length=250, blank=True)
    in_force_from = models.DateTimeField(null=True, blank=True)
    in_force_until = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Coalesce, since SQLite cannot treat NULLs as equal and would drop the constraint.
            models.UniqueConstraint(Coalesce("site", Value(0)), F("number"), name="rule_set_once"),
            models.UniqueConstraint(Coalesce("site", Value(0)), condition=Q(state="live"), name="rule_set_one_live"),
            models.CheckConstraint(condition=Q(state__in=["draft", "live", "retired"]), name="rule_set_state"),
        ]

    def __str__(self) -> str:
        return f"Rules {self.site_id or 'everywhere'} #{self.number}"


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
