"""What is kept of log-ins: failures, and the rules that sites and roles set."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from ris.catalog.models import Site


class LoginFailure(models.Model):
    """A password, PIN or code that was wrong. Old rows are deleted once no throttle counts them."""

    # A digest, since people type their password into the field for the name.
    account = models.CharField(max_length=64, help_text="Keyed digest (HMAC-SHA256) of the user name as typed.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    address = models.CharField(max_length=64, help_text="Network address of the browser.")
    at = models.DateTimeField()

    class Meta:
        app_label = "people"
        indexes = [
            models.Index(fields=["account", "at"], name="login_failure_account"),
            models.Index(fields=["address", "at"], name="login_failure_address"),
        ]

    def __str__(self) -> str:
        return f"failed log-in #{self.pk}"


class LoginRule(models.Model):
    """What holds for people with a role at a site. Of several rows that fit, the strictest value counts."""

    # Choices are the form's: roles that come later need no migration.
    role = models.CharField(max_length=32, blank=True, help_text="Empty: every role.")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: every site.")
    second_factor = models.BooleanField(
        default=False, help_text="Nothing but the page to set one up is open until the person has a second factor."
    )
    idle_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Minutes without a key or a click after which the screen locks. Empty: 15."
    )

    class Meta:
        app_label = "people"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(idle_minutes__isnull=True) | models.Q(idle_minutes__range=(1, 480)),
                name="login_rule_idle_minutes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role or 'every role'} at {self.site.code if self.site else 'every site'}"
