"""Events, their deliveries, alarms and heartbeats."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .db.transitions import StatefulQuerySet


class Record(models.Model):
    """A fact as it was written down. Never changed."""

    kind = models.CharField(max_length=48)
    stream = models.CharField(max_length=80)
    body = models.JSONField()
    at = models.DateTimeField(help_text="When it became true, as the edge that caused it read the clock (UTC).")
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["stream", "id"], name="record_stream")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Delivery(models.Model):
    """One Record owed to one subscriber."""

    OWED, DONE, STUCK = "owed", "done", "stuck"

    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="deliveries")
    subscriber = models.CharField(max_length=120)  # the name given to subscribe()
    stream = models.CharField(max_length=80)
    state = models.CharField(max_length=8, default=OWED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    error = models.TextField(blank=True, help_text="Type and place of the last failure; no patient data.")

    objects = StatefulQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["record", "subscriber"], name="delivery_once")]
        indexes = [
            models.Index(fields=["subscriber", "stream", "record"], name="delivery_lane", condition=~Q(state="done")),
            # Full, not partial: SQLite's planner prefers a scan to a partial index once ANALYZE has run.
            models.Index(fields=["state", "record"], name="delivery_owed"),
        ]

    def __str__(self) -> str:
        return f"{self.record_id} → {self.subscriber}"


class Alarm(models.Model):
    """Something a person must look at. One row while it lasts, however often it is raised."""

    kind = models.CharField(max_length=48)
    subject = models.CharField(max_length=160, help_text="What it is about; ids and names of machines only.")
    detail = models.TextField(blank=True)
    raised_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(cleared_at__isnull=True), name="alarm_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"


class Heartbeat(models.Model):
    """When a part of the system last said that it lives."""

    name = models.CharField(max_length=48, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"
