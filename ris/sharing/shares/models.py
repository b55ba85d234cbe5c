"""Rows of shares."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from reporting.models import Report


class Share(models.Model):
    """A link to one report for one recipient. Only the digest of its token is kept; the token is shown once."""

    CLINICIAN, PATIENT = "clinician", "patient"
    AUDIENCES = [(CLINICIAN, "A clinician"), (PATIENT, "The patient, or somebody for them")]
    REPORT, IMAGES, DOCUMENTS = "report", "images", "documents"
    PARTS = [(REPORT, "Report"), (IMAGES, "Images in the viewer"), (DOCUMENTS, "Documents made elsewhere of this exam")]
    BIRTH_DATE, PIN = "birth date", "pin"
    FACTORS = [(BIRTH_DATE, "The patient's birth date"), (PIN, "A PIN that you tell them on another way")]
    MOST_WRONG = 5
    """Wrong second factors after which the link is dead."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hexadecimal.")
    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="shares")
    audience = models.CharField(max_length=9, choices=AUDIENCES)
    recipient = models.CharField(max_length=120, help_text="Name and place of who gets it.")
    contact = models.CharField(max_length=200, blank=True, help_text="Mail address that the link is sent to, if any.")
    parts = models.JSONField(help_text="report, images, documents: what it opens.")
    factor = models.CharField(max_length=10, choices=FACTORS)
    pin = models.CharField(max_length=128, blank=True, help_text="Hash of the PIN.")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="shares")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    most_views = models.PositiveSmallIntegerField()
    views = models.PositiveSmallIntegerField(default=0)
    wrong = models.PositiveSmallIntegerField(default=0, help_text="Second factors that were tried and not right.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=120, blank=True)
    revoked_why = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering: ClassVar = ["-made_at", "-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(views__lte=F("most_views")), name="share_views_within_limit"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="share_runs_out_later"),
            models.CheckConstraint(condition=~Q(factor="pin") | Q(pin__gt=""), name="share_pin_where_asked"),
            models.CheckConstraint(condition=Q(audience__in=["clinician", "patient"]), name="share_audience"),
        ]

    def __str__(self) -> str:
        return f"Share {self.pk}"


class ShareView(models.Model):
    """Somebody tried to open a share, or looked at a part of it."""

    OPENED, WRONG, DEAD = "opened", "wrong", "dead"

    share = models.ForeignKey(Share, on_delete=models.PROTECT, related_name="log")
    at = models.DateTimeField()
    address = models.CharField(max_length=64, help_text="Network address of the browser.")
    what = models.CharField(max_length=16, help_text="opened, wrong, dead; or the part that was looked at.")

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [models.Index(fields=["address", "what", "at"], name="share_view_address")]

    def __str__(self) -> str:
        return f"{self.what} of share {self.share_id}"
