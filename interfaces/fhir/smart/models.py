"""Apps, their grants, and what counts once: launches and assertions. Clients and tokens are allauth's."""

from __future__ import annotations

from allauth.idp.oidc.models import Client
from django.conf import settings
from django.db import models
from django.db.models import Q

from ris.catalog.models import Site
from ris.kernel.db.columns import SealedTextField


class App(models.Model):
    """What SMART adds to an OAuth client: how it proves itself, where it is launched, and at which sites it counts."""

    PUBLIC, CONFIDENTIAL, BACKEND = "public", "confidential", "backend"
    KINDS = [
        (PUBLIC, "Public: runs in a browser or on a phone, keeps no secret"),
        (CONFIDENTIAL, "Confidential: has a server that keeps a secret or a key"),
        (BACKEND, "Backend service: a program without a person"),
    ]

    client = models.OneToOneField(Client, on_delete=models.CASCADE, primary_key=True, related_name="smart")
    kind = models.CharField(max_length=12, choices=KINDS)
    jwks = models.JSONField(default=dict, blank=True, help_text="Public keys (RFC 7517); empty: by address, or none.")
    jwks_url = models.CharField(max_length=300, blank=True, help_text="Where its public keys are read.")
    launch_url = models.CharField(max_length=300, blank=True, help_text="Opened from our pages; empty: never.")
    sites = models.ManyToManyField(Site, blank=True, related_name="+", help_text="Where it counts; none: everywhere.")
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="backend_apps",
        help_text="The account as which a backend service acts, with its own roles and sites.",
    )  # fmt: skip
    owner = models.CharField(max_length=120, help_text="Who answers for it.")
    is_active = models.BooleanField(default=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["public", "confidential", "backend"]), name="smart_app_kind"),
            models.CheckConstraint(
                condition=Q(kind="backend", account__isnull=False) | Q(~Q(kind="backend"), account=None),
                name="smart_app_account",
            ),
        ]

    def __str__(self) -> str:
        return f"app {self.pk}"


class Grant(models.Model):
    """That a person (or an account) let an app in, with what. Its tokens name it; without it they count no more."""

    id = models.CharField(primary_key=True, max_length=40)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="smart_grants")
    patient = models.ForeignKey("patients.Patient", null=True, on_delete=models.CASCADE, related_name="+")
    procedure = models.ForeignKey("orders.RequestedProcedure", null=True, on_delete=models.CASCADE, related_name="+")
    is_launched = models.BooleanField(default=False, help_text="Opened from a page of ours.")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"grant {self.pk}"


class Launch(models.Model):
    """That a person opened an app from a page of ours, for a patient. Only the digest of its value is kept."""

    digest = models.CharField(max_length=64, unique=True)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    patient = models.ForeignKey("patients.Patient", on_delete=models.CASCADE, related_name="+")
    procedure = models.ForeignKey("orders.RequestedProcedure", null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"launch {self.pk}"


class UsedAssertion(models.Model):
    """An assertion by which an app proved itself: it counts once (RFC 7523, 3)."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, help_text="SHA-256 of its jti.")
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "digest"], name="smart_assertion_once")]

    def __str__(self) -> str:
        return f"assertion {self.pk}"


class SigningKey(models.Model):
    """The RSA key that signs id tokens, encrypted under the key ring. The newest signs; the others still verify."""

    pem = SealedTextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"signing key {self.pk}"
