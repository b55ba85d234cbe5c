"""Who lets whom act for them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Delegation(models.Model):
    """``delegate`` may act for ``delegator`` in ``duties``, from ``begins_at`` until ``ends_at`` or until revoked."""

    delegator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_given")
    delegate = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_had")
    duties = models.JSONField(help_text="Values of Duty.")
    reason = models.CharField(max_length=250)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "people"
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("begins_at")), name="delegation_ends_later"),
            models.CheckConstraint(condition=~Q(delegator=F("delegate")), name="delegation_to_another"),
        ]

    def __str__(self) -> str:
        return f"delegation #{self.pk}"
