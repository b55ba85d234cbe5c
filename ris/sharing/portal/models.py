"""Rows of the portal: accounts (no staff), whose results each sees, invitations, cover texts."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.catalog.models import Site
from ris.patients.models import Patient


class PortalAccount(models.Model):
    """A log-in of a patient, or of somebody who looks after one. No user: no page of the house opens for it."""

    name = models.CharField(max_length=120, unique=True, help_text="Log-in name, lower case; the person chose it.")
    password = models.CharField(max_length=128, help_text="Hash of the password.")
    active = models.BooleanField(default=True)
    made_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True, blank=True, help_text="When somebody logged in last, UTC.")

    def __str__(self) -> str:
        return f"Portal account {self.pk}"


SELF, PARENT, GRANTED = "self", "parent", "granted"
GRANTS = [
    (SELF, "The patient"),
    (PARENT, "A parent, while the patient is a child"),
    (GRANTED, "By agreement, an adult"),
]


class PortalGrant(models.Model):
    """An account sees the results of a patient: as that patient, as a parent until an age, or by agreement."""

    account = models.ForeignKey(PortalAccount, on_delete=models.PROTECT, related_name="grants")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="portal_grants")
    kind = models.CharField(max_length=8, choices=GRANTS)
    holder = models.CharField(max_length=120, blank=True, help_text="Who it is, if not the patient.")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+", help_text="Where it was given.")
    given_at = models.DateTimeField()
    ends_on = models.DateField(null=True, blank=True, help_text="Until the end of this day at the site; empty: no end.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "patient"], condition=Q(revoked_at=None), name="portal_grant_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=["self", "parent", "granted"]), name="portal_grant_kind"),
        ]

    def __str__(self) -> str:
        return f"Portal grant {self.pk}"


class PortalInvitation(models.Model):
    """A one-time code that makes an account, or adds a patient to one. Only its digest is kept."""

    MOST_WRONG = 5

    digest = models.CharField(max_length=64, unique=True, help_text="HMAC-SHA256 of the code, hexadecimal.")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="portal_invitations")
    kind = models.CharField(max_length=8, choices=GRANTS)
    holder = models.CharField(max_length=120, blank=True, help_text="Who is invited, if not the patient.")
    ends_on = models.DateField(null=True, blank=True, help_text="When the grant ends.")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    wrong = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-made_at", "-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=["self", "parent", "granted"]), name="portal_invitation_kind"),
        ]

    def __str__(self) -> str:
        return f"Portal invitation {self.pk}"


class CoverText(models.Model):
    """Plain words that a patient reads above a report, by kind and language. Append-only: the newest counts."""

    KINDS = [
        ("final", "Final report"), ("addendum", "Report with an addendum"), ("corrected", "Corrected report"),
        ("preliminary", "Preliminary report"), ("critical", "Any report with a red or orange finding"),
    ]  # fmt: skip

    kind = models.CharField(max_length=12, choices=KINDS)
    language = models.CharField(max_length=2)
    number = models.PositiveIntegerField()
    text = models.TextField(max_length=2000)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["kind", "language", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "language", "number"], name="cover_text_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.language} {self.number}"
