"""Starts and pauses of SLA clocks, and what AI products say."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from ris.catalog.models import Site

from .items import ReadingItem


class ClockStart(models.Model):
    """What starts the SLA clock, by site, class and modality; the most specific row counts, else the opening does."""

    ORDERED, COMPLETED, COMPLETE_IMAGES, OPENED = "ordered", "completed", "complete images", "opened"
    EVENTS = [
        (ORDERED, "The order is placed"),
        (COMPLETED, "The exam is completed"),
        (COMPLETE_IMAGES, "All images are in the archive"),
        (OPENED, "The case is opened for reading"),
    ]

    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+", help_text="Empty: everywhere."
    )
    urgency = models.PositiveSmallIntegerField(
        null=True, blank=True, choices=ReadingItem.URGENCIES, help_text="Empty: every class."
    )
    modality = models.CharField(max_length=16, blank=True, help_text="Empty: every modality.")
    event = models.CharField(max_length=16, choices=EVENTS, default=OPENED)

    class Meta:
        verbose_name = "start of the SLA clock"
        verbose_name_plural = "starts of the SLA clock"
        constraints = [
            models.UniqueConstraint(
                Coalesce("site", Value(0)), Coalesce("urgency", Value(0)), F("modality"), name="clock_start_once"
            ),
            models.CheckConstraint(
                condition=Q(event__in=["ordered", "completed", "complete images", "opened"]), name="clock_start_event"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site_id or 'everywhere'} {self.urgency or ''} {self.modality}: {self.event}"


class ClockPause(models.Model):
    """A time in which an item's SLA clock stood still (waiting for priors, for a call back)."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="pauses")
    reason = models.CharField(max_length=250)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(until__isnull=True), name="pause_one_open"),
        ]

    def __str__(self) -> str:
        return f"Pause of item {self.item_id}"


class AiPerformance(models.Model):
    """How often a positive of this algorithm is true, by site and urgency class: what its flag is worth."""

    vendor = models.CharField(max_length=64)
    code = models.CharField(max_length=64, help_text="What it finds, such as ICH.")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: everywhere.")
    urgency = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: every class.")
    ppv = models.FloatField("PPV", help_text="Positive predictive value, 0 to 1.")
    expires_minutes = models.PositiveIntegerField(default=720, help_text="A flag counts for so long, minutes.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ppv__range=(0, 1)), name="ai_performance_ppv"),
            models.UniqueConstraint(
                F("vendor"),
                F("code"),
                Coalesce("site", Value(0)),
                Coalesce("urgency", Value(0)),
                name="ai_performance_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vendor} {self.code}"


class AiFlag(models.Model):
    """What an algorithm said about an item. A positive can raise it; a negative never lowers it."""

    item = models.ForeignKey(ReadingItem, on_delete=models.CASCADE, related_name="ai_flags")
    vendor = models.CharField(max_length=64)
    code = models.CharField(max_length=64)
    positive = models.BooleanField()
    score = models.FloatField(null=True, blank=True, help_text="As the vendor gives it.")
    ppv = models.FloatField(help_text="As it was known for this site and class when the result came.")
    result_at = models.DateTimeField()
    received_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    over = models.BooleanField(default=False, help_text="It expired, and the item was priced without it.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "vendor", "code", "result_at"], name="ai_flag_once"),
        ]
        indexes = [models.Index(fields=["over", "expires_at"], name="ai_flag_expiry")]

    def __str__(self) -> str:
        return f"{self.vendor} {self.code}"
