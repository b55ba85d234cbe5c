"""Which group of an identity provider gives which role where, and who was not let in."""

from __future__ import annotations

from django.db import models

from ris.catalog.models import Site


class RoleMapping(models.Model):
    """A value of the groups claim → a role at a site. Who has none of the values has nothing."""

    provider = models.CharField(max_length=40, blank=True, help_text="Id of the provider; empty: every provider.")
    value = models.CharField(max_length=250, help_text="As the claim has it: a name, a path or an id.")
    # Choices are the form's: roles that come later need no migration.
    role = models.CharField(max_length=32)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.CASCADE, help_text="Empty: every site.")

    class Meta:
        app_label = "people"
        ordering = ["value", "role", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "value", "role", "site"], name="role_mapping_at_a_site"),
            models.UniqueConstraint(
                fields=["provider", "value", "role"], condition=models.Q(site=None), name="role_mapping_everywhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value} → {self.role} at {self.site.code if self.site else 'every site'}"


class RefusedLogIn(models.Model):
    """Somebody whom a provider knows and who was not let in here; for who keeps the mappings. Kept for 30 days."""

    provider = models.CharField(max_length=40)
    name = models.CharField(max_length=150, help_text="User name at the provider.")
    cause = models.CharField(max_length=16, help_text="no-role, taken, inactive, superuser.")
    groups = models.JSONField(default=list)
    at = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "people"

    def __str__(self) -> str:
        return f"{self.cause} at {self.provider}"
