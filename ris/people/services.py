"""People: roles and sites are granted, API tokens issued and revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import available_timezones

from django.contrib.auth.models import Group
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.errors import Invalid

from .models import ApiToken, User
from .roles import Role
from .selectors import WORK_AT


@transaction.atomic
def grant(user: User, *, roles: Iterable[Role] = (), sites: Iterable[Site] = (), actor: Actor, at: datetime) -> None:
    """Give the user these roles and sites, besides those they have; audited as ``people.grant``."""
    roles, sites = list(roles), list(sites)
    user.groups.add(*(Group.objects.get_or_create(name=role.value)[0] for role in roles))
    for site in sites:
        assign_perm(WORK_AT, user, site)
    record(actor, "people.grant", user, at=at, roles=[r.value for r in roles], sites=[s.code for s in sites])


@transaction.atomic
def withdraw(user: User, *, roles: Iterable[Role] = (), sites: Iterable[Site] = (), actor: Actor, at: datetime) -> None:
    """Take these roles and sites from the user; audited as ``people.withdraw``."""
    roles, sites = list(roles), list(sites)
    user.groups.remove(*Group.objects.filter(name__in=[role.value for role in roles]))
    for site in sites:
        remove_perm(WORK_AT, user, site)
    record(actor, "people.withdraw", user, at=at, roles=[r.value for r in roles], sites=[s.code for s in sites])


@transaction.atomic
def set_preferences(user: User, *, theme: str, time_zone: str, actor: Actor, at: datetime) -> None:
    """How this user sees the screens. Raises Invalid for a theme or an IANA zone that does not exist."""
    if theme not in dict(User.THEMES):
        raise Invalid("The theme is system, light or dark.", at="theme")
    if time_zone not in available_timezones():
        raise Invalid("There is no such time zone.", at="time_zone")
    User.objects.filter(pk=user.pk).update(theme=theme, time_zone=time_zone)
    record(actor, "people.preferences", user, at=at, theme=theme, time_zone=time_zone)


@transaction.atomic
def issue_token(user: User, *, label: str, actor: Actor, at: datetime) -> str:
    """Make an API token and return it; it cannot be had again, only its digest is kept."""
    token = f"wet_{secrets.token_urlsafe(32)}"  # the prefix lets scanners for leaked secrets know it
    row = ApiToken.objects.create(user=user, label=label, digest=digest(token), created_at=at)
    record(actor, "people.issue-token", row, at=at)
    return token


def digest(token: str) -> str:
    """The SHA-256 of a token, hexadecimal; only this is kept."""
    # No salt and no slow hash: a token has 256 random bits, so nobody can try them, and each request looks it up.
    return hashlib.sha256(token.encode()).hexdigest()
