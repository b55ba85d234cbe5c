"""What readers did with cases they did not read: skips and offers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from .items import ReadingItem


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
