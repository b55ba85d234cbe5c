"""Role mappings are kept, and a person's roles are made what they say: at each log-in, and when a mapping changes."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Invalid, NotFound

from ..login.sessions import end_sessions
from ..login.throttle import WINDOW
from ..models import RefusedLogIn, RoleMapping, User
from ..roles import Role
from ..selectors import granted_sites
from ..services import grant, withdraw

LONGEST = 250
MOST_GROUPS = 500
"""Groups of one person that are read."""
KEPT = timedelta(days=30)
MOST_FAILED = 100


def groups_in(claims: Any, name: str) -> list[str]:
    """The groups that claims or attributes hold under ``name``, which may be a path; sorted, none twice."""
    value = claims.get(name) if isinstance(claims, dict) else None
    if value is None and isinstance(claims, dict) and "." in name:
        head, _, rest = name.partition(".")
        return groups_in(claims.get(head), rest)
    values = value if isinstance(value, list) else [value]
    texts = {text.strip() for text in values[:MOST_GROUPS] if isinstance(text, str)}
    return sorted(text for text in texts if text and len(text) <= LONGEST)


@transaction.atomic
def add_mapping(
    *, provider: str, value: str, role: str, site_id: int | None, actor: Actor, at: datetime
) -> RoleMapping:
    """Have a group give a role; audited as ``people.mapping-add``. It counts from each person's next log-in.

    Raises Invalid for an unknown provider or role or an empty value, NotFound for a site, Conflict for one that exists.
    """
    value = value.strip()
    if provider and provider not in settings.IDENTITY_PROVIDERS:
        raise Invalid("There is no such identity provider.", at="provider")
    if not value or len(value) > LONGEST:
        raise Invalid(f"Give the group in at most {LONGEST} characters, as the provider names it.", at="value")
    if role not in set(Role):
        raise Invalid("There is no such role.", at="role")
    if site_id is not None and not Site.objects.filter(pk=site_id).exists():
        raise NotFound("There is no such site.", at="site")
    row = RoleMapping(provider=provider, value=value, role=role, site_id=site_id)
    if RoleMapping.objects.filter(provider=provider, value=value, role=role, site=site_id).exists():
        raise Conflict("This mapping exists.")
    row.save()
    record(actor, "people.mapping-add", row, at=at, provider=provider, role=role, site=site_id)
    return row


@transaction.atomic
def remove_mapping(mapping_id: int, *, actor: Actor, at: datetime) -> int:
    """Take a mapping away, and at once the roles that people had by it; audited. Say how many were signed out by it.

    Raises NotFound.
    """
    row = RoleMapping.objects.filter(pk=mapping_id).first()
    if row is None:
        raise NotFound("There is no such mapping.")
    record(actor, "people.mapping-remove", row, at=at, provider=row.provider, role=row.role, site=row.site_id)
    value = row.value
    row.delete()
    known = SocialAccount.objects.select_related("user").order_by("pk")
    affected = {account.user_id: account.user for account in known if value in account.extra_data.get("groups", [])}
    return sum(not sync_roles(person, actor=actor, at=at) for person in affected.values())


@transaction.atomic
def sync_roles(user: User, *, actor: Actor, at: datetime) -> bool:
    """Make the roles and sites of a person what the mappings say of their groups; False when that is nothing.

    Whoever has nothing is signed out everywhere. Roles given by hand go, too: the provider decides. Each role counts
    at the sites of its own mappings only (``User.role_sites``).
    """
    wanted = _mapped(user)
    sites = {site_id for ids in wanted.values() for site_id in ids}
    had_roles = {Role(name) for name in user.groups.values_list("name", flat=True) if name in set(Role)}
    had_sites = {site.pk: site for site in granted_sites(user)}
    new_sites = list(Site.objects.filter(pk__in=sites - set(had_sites)))
    if set(wanted) - had_roles or new_sites:
        grant(user, roles=sorted(set(wanted) - had_roles), sites=new_sites, actor=actor, at=at)
    gone = [site for pk, site in had_sites.items() if pk not in sites]
    if had_roles - set(wanted) or gone:
        withdraw(user, roles=sorted(had_roles - set(wanted)), sites=gone, actor=actor, at=at)
    user.role_sites = {role.value: sorted(ids) for role, ids in wanted.items()}
    User.objects.filter(pk=user.pk).update(role_sites=user.role_sites)
    if not wanted:
        end_sessions(user, actor=actor, at=at)
    return bool(wanted)


def _mapped(user: User) -> dict[Role, set[int]]:
    """Role → ids of sites, by the groups that the person's providers named last."""
    by_provider = Q(pk__in=[])
    for account in SocialAccount.objects.filter(user=user, provider__in=settings.IDENTITY_PROVIDERS):
        groups = account.extra_data.get("groups", [])
        by_provider |= Q(provider__in=("", account.provider), value__in=groups)
    everywhere = set(Site.objects.values_list("pk", flat=True))
    roles: dict[Role, set[int]] = defaultdict(set)
    for row in RoleMapping.objects.filter(by_provider):
        if row.role in set(Role):
            roles[Role(row.role)] |= {row.site_id} if row.site_id else everywhere
    return dict(roles)


def note_refusal(provider: str, name: str, *, cause: str, groups: list[str], actor: Actor, at: datetime) -> None:
    """Keep who was not let in, and why; audited as ``people.login-failed``.

    Anybody can forge answers that say of nobody who they are: of these the first hundred in 15 minutes are kept.
    """
    RefusedLogIn.objects.filter(at__lt=at - KEPT).delete()
    recent = RefusedLogIn.objects.filter(at__gt=at - WINDOW, cause="failed")
    if cause == "failed" and recent.count() >= MOST_FAILED:
        return
    row = RefusedLogIn.objects.create(provider=provider, name=name[:150], cause=cause, groups=groups, at=at)
    record(actor, "people.login-failed", row, at=at, how=f"provider {provider}", cause=cause)
