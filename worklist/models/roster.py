"""Shifts, their changes, and holidays."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from ris.catalog.models import Site, Subspecialty


class Shift(models.Model):
    """A reader's recurring duty: wall-clock times in a named zone, on the days that an RRULE gives.

    It ends at ``end_time`` on the same day, or on the next where that is not after ``start_time``: so a night
    shift lasts an hour less or more when the clocks change, as it does for the people who work it.
    """

    IN_HOUSE, ON_CALL, TEACHING = "in-house", "on-call", "teaching"
    KINDS = [(k, k.capitalize()) for k in (IN_HOUSE, ON_CALL, TEACHING)]

    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shifts")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=KINDS, default=IN_HOUSE)
    zone = models.CharField(max_length=64, help_text="IANA name, such as America/Chicago.")
    first_day = models.DateField(help_text="Local date of the first duty; the recurrence counts from here.")
    last_day = models.DateField(null=True, blank=True, help_text="No duty begins after it (a locum's end).")
    start_time = models.TimeField()
    end_time = models.TimeField()
    rrule = models.CharField(
        "recurrence", max_length=200, blank=True, help_text="RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,TU. Empty: once."
    )
    breaks = models.JSONField(default=list, blank=True, help_text='Wall-clock pairs such as ["12:00", "12:30"].')
    sites = models.ManyToManyField(Site, blank=True, related_name="shifts", help_text="Empty: all of the reader's.")
    subspecialties = models.ManyToManyField(
        Subspecialty, blank=True, related_name="shifts", help_text="Empty: all of the reader's."
    )
    called_for = models.PositiveSmallIntegerField(
        default=2,
        help_text="On call: cases of this class and of more urgent ones come as to anybody; others only when nobody "
        "in-house covers them. 0: none.",
    )
    holidays = models.BooleanField("works on holidays", default=False)
    uid = models.CharField(max_length=120, unique=True, help_text="iCalendar UID.")
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__isnull=True) | Q(last_day__gte=F("first_day")), name="shift_days"
            )
        ]
        indexes = [models.Index(fields=["active", "first_day"], name="shift_active")]

    def __str__(self) -> str:
        return self.name


class ShiftChange(models.Model):
    """One occurrence of a shift that goes differently: called in sick, swapped, or moved."""

    OFF, SICK, SWAP = "off", "sick", "swap"
    KINDS = [(k, k.capitalize()) for k in (OFF, SICK, SWAP)]

    shift = models.ForeignKey(Shift, on_delete=models.CASCADE, related_name="changes")
    day = models.DateField(help_text="Local date on which the occurrence begins.")
    kind = models.CharField(max_length=5, choices=KINDS)
    substitute = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=250, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["shift", "day"], name="shift_change_once"),
            models.CheckConstraint(
                condition=~Q(kind="swap") | Q(substitute__isnull=False), name="shift_swap_has_substitute"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}"


class Holiday(models.Model):
    """A day on which shifts that do not work on holidays do not happen."""

    day = models.DateField()
    name = models.CharField(max_length=80)
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="holidays", help_text="Empty: everywhere."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(F("day"), Coalesce("site", Value(0)), name="holiday_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.day})"
