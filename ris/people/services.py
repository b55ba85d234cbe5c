"""People: roles and sites are granted, preferences set, API tokens issued and revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from guardian.shortcuts import assign_perm, remove_perm

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.errors import Invalid, NotFound

from .models import ApiToken, User
from .roles import Can, Role
from .selectors import WORK_AT, granted_sites, permissions_of

LONGEST_DAYS = 365
"""Days after which a token that a person makes for themselves has run out at the latest."""


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
def set_preferences(user: User, *, theme: str, time_zone: str, language: str, actor: Actor, at: datetime) -> None:
    """How this user sees the screens; no ``language``: the browser's. Raises Invalid for what there is not."""
    if theme not in dict(User.THEMES):
        raise Invalid("The theme is system, light or dark.", at="theme")
    if time_zone not in available_timezones():
        raise Invalid("There is no such time zone.", at="time_zone")
    if language and language not in dict(settings.LANGUAGES):
        raise Invalid("There is no such language.", at="language")
    User.objects.filter(pk=user.pk).update(theme=theme, time_zone=time_zone, language=language)
    record(actor, "people.preferences", user, at=at, theme=theme, time_zone=time_zone, language=language)


@dataclass(frozen=True, slots=True)
class TokenIntent:
    """What a token is for. Empty ``scopes`` or ``site_ids``: all that its user may, everywhere."""

    label: str
    days: int | None = None
    """None: it never runs out."""
    read_only: bool = False
    scopes: tuple[Can, ...] = ()
    site_ids: tuple[int, ...] = ()


@transaction.atomic
def issue_token(user: User, *, label: str = "", intent: TokenIntent | None = None, actor: Actor, at: datetime) -> str:
    """Make an API token and return it; it cannot be had again, only its digest is kept.

    Raises Invalid for one without a label, that outlives :data:`LONGEST_DAYS`, or that carries more than its user may.
    """
    wanted = intent or TokenIntent(label)
    _check(user, wanted)
    token = f"wet_{secrets.token_urlsafe(32)}"  # the prefix lets scanners for leaked secrets know it
    row = ApiToken.objects.create(
        user=user,
        label=wanted.label,
        digest=digest(token),
        created_at=at,
        expires_at=at + timedelta(days=wanted.days) if wanted.days is not None else None,
        read_only=wanted.read_only,
        scopes=sorted(can.value for can in wanted.scopes),
        site_ids=sorted(wanted.site_ids),
    )
    record(actor, "people.issue-token", row, at=at, scopes=row.scopes, sites=row.site_ids, days=wanted.days)
    return token


def _check(user: User, wanted: TokenIntent) -> None:
    if not wanted.label.strip() or len(wanted.label) > 80:
        raise Invalid("Say in at most 80 characters what the token is for.", at="label")
    if wanted.days is not None and not 1 <= wanted.days <= LONGEST_DAYS:
        raise Invalid(f"A token lasts between 1 and {LONGEST_DAYS} days.", at="days")
    if not set(wanted.scopes) <= permissions_of(user):
        raise Invalid("A token cannot carry what its user may not do.", at="scopes")
    if not set(wanted.site_ids) <= set(granted_sites(user).values_list("pk", flat=True)):
        raise Invalid("A token counts only at sites of its user.", at="sites")


def live_tokens(viewer: User) -> QuerySet[ApiToken]:
    """Tokens that are not revoked: the viewer's own, and everybody's for who sets up."""
    rows = ApiToken.objects.filter(revoked_at=None).select_related("user").order_by("user__username", "-created_at")
    return rows if Can.SET_UP in permissions_of(viewer) else rows.filter(user=viewer)


@transaction.atomic
def revoke_token(viewer: User, token_id: int, *, actor: Actor, at: datetime) -> ApiToken:
    """Have the token count no more from the next request on; audited. Raises NotFound for what is not the viewer's."""
    row = live_tokens(viewer).filter(pk=token_id).first()
    if row is None:
        raise NotFound("You have no such token.")
    row.revoked_at = at
    row.save(update_fields=["revoked_at"])
    record(actor, "people.revoke-token", row, at=at)
    return row


def digest(token: str) -> str:
    """The SHA-256 of a token, hexadecimal; only this is kept."""
    # No salt and no slow hash: a token has 256 random bits, so nobody can try them, and each request looks it up.
    return hashlib.sha256(token.encode()).hexdigest()
