"""Users, their permissions by site, API tokens, and the address book of practitioners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from ris.catalog.models import Site

from .delegation.models import Delegation
from .login.models import LoginFailure, LoginRule
from .practitioners.models import Practitioner, PractitionerNumber
from .providers.models import RefusedLogIn, RoleMapping
from .roles import Can, Limits, Reach


class User(AbstractUser):
    """A person (or a program) that logs in. What they may do: groups (roles) × sites (object permissions)."""

    THEMES = [("system", "As the system"), ("light", "Light"), ("dark", "Dark")]

    title = models.CharField(max_length=40, blank=True, help_text="Credentials shown after the name, such as MD.")
    npi = models.CharField("NPI", max_length=20, blank=True, help_text="National identifier, sent with reports.")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name; times are shown in it.")
    theme = models.CharField(max_length=8, choices=THEMES, default="system")
    language = models.CharField(max_length=8, blank=True, help_text="Of the screens. Empty: what the browser asks for.")
    leaves_at = models.DateTimeField(
        null=True, blank=True, help_text="When a locum's work here ends: the account is then switched off by itself."
    )
    pin = models.CharField(
        "PIN", max_length=128, blank=True, help_text="Hash of the PIN that unlocks one's own screen."
    )

    role_sites = models.JSONField(
        default=dict, editable=False,
        help_text="Role → ids of the sites at which it counts, where an identity provider gave it. Others: all sites.",
    )  # fmt: skip
    break_glass_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the last of their emergency accesses ends (UTC)."
    )

    limits: Limits | None = None
    """Of this object, for the request that an API token made; see ``selectors.limit``."""

    acting: Acting | None = None
    """Of this object, for a request in which the person acts for another; see ``ris.people.delegation``."""

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """``Given Family, MD``, or the user name when no name is known."""
        name = self.get_full_name() or self.username
        return f"{name}, {self.title}" if self.title else name


@dataclass(frozen=True, slots=True)
class Acting:
    """On whose behalf a person acts, and what of that one's permissions it carries, until when."""

    delegation_id: int
    user: User
    cans: frozenset[Can]
    until: datetime


# Direct tables: guardian's generic ones keep the object's id as a text, which joins to no primary key by index.
class SiteUserPermission(UserObjectPermissionBase):
    """django-guardian's direct table: this user may do this at this site."""

    content_object = models.ForeignKey(Site, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        pass


class SiteGroupPermission(GroupObjectPermissionBase):
    """django-guardian's direct table: this group may do this at this site."""

    content_object = models.ForeignKey(Site, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        pass


class AccessRule(models.Model):
    """Of which patients a role is shown something: at a site, or at every site for which no rule of its own stands."""

    REACHES = [
        (Reach.EVERYBODY, "All patients of the site"),
        (Reach.CARE_TEAM, "Patients whose care team they belong to"),
        (Reach.ORDERED, "Patients for whom they ordered, or get copies"),
    ]

    role = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="access_rules")
    site = models.ForeignKey(
        Site,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="access_rules",
        help_text="Empty: every site.",
    )
    reach = models.CharField(max_length=12, choices=REACHES)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["role", "site"], name="access_rule_once", nulls_distinct=False),
            models.CheckConstraint(
                condition=models.Q(reach__in=["everybody", "care team", "ordered"]), name="access_rule_reach"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role.name} at {self.site.code if self.site else 'every site'}: {self.reach}"


class ApiToken(models.Model):
    """A program's key. Only its digest is kept; the token itself is shown once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    label = models.CharField(max_length=80)
    # Unique, so indexed: each API request looks its token up by it.
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hexadecimal.")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    read_only = models.BooleanField(default=False, help_text="GET, HEAD and OPTIONS only.")
    scopes = models.JSONField(default=list, help_text="Permissions that it carries; empty: all of the user's.")
    site_ids = models.JSONField(default=list, help_text="Ids of sites at which it counts; empty: all of the user's.")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.label} ({self.user.username})"


__all__ = [
    "AccessRule", "Acting", "ApiToken", "Delegation", "Group", "LoginFailure", "LoginRule", "Practitioner",
    "PractitionerNumber", "RefusedLogIn", "RoleMapping", "SiteGroupPermission", "SiteUserPermission", "User",
]  # fmt: skip
