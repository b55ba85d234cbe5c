"""When a device can be booked. Times of day are by its site's clock, moments are UTC."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ris.catalog.models import Device, Procedure, Site

WEEKDAYS = list(enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")))


class Weekly(models.Model):
    """A part of each week. An end of 00:00 is the midnight at which the day ends."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    weekday = models.PositiveSmallIntegerField(choices=WEEKDAYS)
    opens = models.TimeField("from", help_text="By the site's clock.")
    closes = models.TimeField("until", help_text="By the site's clock; 00:00: the end of the day.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.device} {self.get_weekday_display()} {self.opens:%H:%M}–{self.closes:%H:%M}"


class OpeningHours(Weekly):
    """When exams are booked on a device. A device without any can be booked at all hours."""

    class Meta:
        verbose_name_plural = "opening hours"
        ordering = ["device", "weekday", "opens"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lt=7), name="opening_weekday"),
            models.CheckConstraint(condition=Q(closes__gt=F("opens")) | Q(closes="00:00"), name="opening_order"),
        ]


class Block(Weekly):
    """Time of each week that is kept for some exams, until it is released for all."""

    name = models.CharField(max_length=60, help_text="Such as: sedation of children.")
    procedures = models.ManyToManyField(Procedure, blank=True, help_text="Kept for these. None: for urgent exams.")
    release_hours = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="So many hours before it begins what is left of it is for all. Empty: never."
    )

    class Meta:
        ordering = ["device", "weekday", "opens"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lt=7), name="block_weekday"),
            models.CheckConstraint(condition=Q(closes__gt=F("opens")) | Q(closes="00:00"), name="block_order"),
        ]


class Closure(models.Model):
    """A device, or a whole site, takes no exams for a while."""

    HOLIDAY, CLOSED, DOWN = "holiday", "closed", "down"
    KINDS = [(HOLIDAY, "Holiday"), (CLOSED, "Closed"), (DOWN, "Device down")]

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="closures")
    device = models.ForeignKey(
        Device, null=True, blank=True, on_delete=models.CASCADE, related_name="closures", help_text="Empty: all."
    )
    kind = models.CharField(max_length=8, choices=KINDS, default=CLOSED)
    since = models.DateTimeField(help_text="UTC.")
    until = models.DateTimeField(help_text="UTC.")
    reason = models.CharField(max_length=120)

    class Meta:
        ordering = ["since"]
        constraints = [models.CheckConstraint(condition=Q(until__gt=F("since")), name="closure_order")]
        indexes = [models.Index(fields=["site", "until"], name="closure_site_until")]

    def __str__(self) -> str:
        return f"{self.device or self.site}: {self.reason}"


class Stamp(models.Model):
    """A word that the database changes with every change of some tables (``ris.scheduling.change_stamps``)."""

    name = models.CharField(max_length=16, primary_key=True)
    value = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
