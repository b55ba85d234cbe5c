"""What ``ris.people.selectors`` says of one user, asked for many at once; and whether their sessions are good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils.crypto import constant_time_compare

from ris.access.visibility import restricted_sites
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.people.login.session import is_locked, is_over
from ris.people.models import AccessRule, SiteGroupPermission, SiteUserPermission, User
from ris.people.roles import ROLES, Can
from ris.people.selectors import narrow, site_ids_for
from worklist.models import ReadingItem

_CANS: dict[str, frozenset[Can]] = {role.value: cans for role, cans in ROLES.items()}


@dataclass(frozen=True, slots=True)
class Standing:
    """Whom a session belongs to, and the sites whose worklist they may see; at ``restricted`` ones not all patients."""

    user_id: int
    sites: frozenset[int]
    restricted: frozenset[int] = frozenset()


def standing_of(session_keys: Collection[str], at: datetime | None = None) -> dict[str, Standing]:
    """Session → standing. Left out: ended or locked ones, and those whose user was locked or has a new password."""
    sessions = Session.objects.filter(session_key__in=session_keys, expire_date__gt=at or now())
    at_s = at.timestamp() if at else None
    decoded = {session.session_key: session.get_decoded() for session in sessions}
    bodies = {key: body for key, body in decoded.items() if not is_locked(body, at_s) and not is_over(body, at_s)}
    owners = {key: body.get(SESSION_KEY) for key, body in bodies.items() if body.get(BACKEND_SESSION_KEY)}
    users = {str(user.pk): user for user in User.objects.filter(pk__in=set(filter(None, owners.values())))}
    ids = [user.pk for user in users.values()]
    sites = sites_of_many(ids, permissions_of_many(ids), Can.SEE_WORKLIST)
    has_rules = AccessRule.objects.exists()
    standings = {}
    for key, owner in owners.items():
        user = users.get(str(owner))
        if user is None or not user.is_active or not _same_password(user, bodies[key].get(HASH_SESSION_KEY, "")):
            continue
        restricted = restricted_sites(user).values() if has_rules else ()
        standings[key] = Standing(user.pk, sites[user.pk], frozenset().union(*restricted))
    return standings


def confidential_items(ids: Collection[int]) -> frozenset[int]:
    """Those of the reading items that are of confidential patients."""
    of_patient = ReadingItem.objects.filter(procedure__order__patient__confidential=True, pk__in=ids)
    return frozenset(of_patient.values_list("pk", flat=True))


def _same_password(user: User, kept: str) -> bool:
    return constant_time_compare(kept, user.get_session_auth_hash())


def permissions_of_many(ids: Collection[int]) -> dict[int, frozenset[Can]]:
    """``permissions_of`` for many users, in one query."""
    cans: dict[int, frozenset[Can]] = defaultdict(frozenset)
    active = User.objects.filter(pk__in=ids, is_active=True)
    for pk, boss, role in active.values_list("pk", "is_superuser", "groups__name"):
        cans[pk] |= frozenset(Can) if boss else _CANS.get(role, frozenset())
    return cans


def sites_of_many(ids: Collection[int], cans: Mapping[int, frozenset[Can]], can: Can) -> dict[int, frozenset[int]]:
    """``sites_for(user, can)`` for many users, in three queries."""
    sites: dict[int, frozenset[int]] = defaultdict(frozenset)
    able = [pk for pk in ids if can in cans[pk]]
    direct = SiteUserPermission.objects.filter(user__in=able, permission__codename="work_at")
    for pk, site in direct.values_list("user", "content_object"):
        sites[pk] |= {site}
    by_group = SiteGroupPermission.objects.filter(group__user__in=able, permission__codename="work_at")
    for pk, site in by_group.values_list("group__user", "content_object"):
        if pk in able:
            sites[pk] |= {site}
    unlike = User.objects.filter(Q(is_superuser=True) | ~Q(role_sites={}), pk__in=able)
    for pk, boss, role_sites in unlike.values_list("pk", "is_superuser", "role_sites"):
        names = () if boss else User.objects.filter(pk=pk).values_list("groups__name", flat=True)
        everywhere = frozenset(Site.objects.values_list("pk", flat=True)) if boss else frozenset[int]()
        sites[pk] = everywhere if boss else narrow(sites[pk], role_sites, set(filter(None, names)), can)
    return sites


def colleagues(viewer: User) -> list[User]:
    """Readers who work at one of the sites whose worklist the viewer sees, by name; the viewer too. One query."""
    mine = site_ids_for(viewer, Can.SEE_WORKLIST)
    if not mine:
        return []
    at_mine = {"permission__codename": "work_at", "content_object__in": sorted(mine)}
    direct = SiteUserPermission.objects.filter(**at_mine).values("user")
    by_group = SiteGroupPermission.objects.filter(**at_mine).values("group__user")
    roles = [name for name, cans in _CANS.items() if Can.READ_CASES in cans]
    # Subqueries, not joins: nobody is listed twice.
    readers = Q(pk__in=User.groups.through.objects.filter(group__name__in=roles).values("user"))
    here = Q(pk__in=direct) | Q(pk__in=by_group)
    people = User.objects.filter(Q(is_superuser=True) | readers & here, is_active=True)
    return list(people.order_by("last_name", "first_name", "username"))


def colleague(viewer: User, id_text: str) -> User:
    """The colleague of that id. Raises NotFound."""
    standings = next((person for person in colleagues(viewer) if str(person.pk) == id_text), None)
    if standings is None:
        raise NotFound("There is no such reader at your sites.")
    return standings
