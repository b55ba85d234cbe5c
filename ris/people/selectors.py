"""Who may do what at which site. Pages, API, websockets and selectors all ask here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from guardian.shortcuts import get_objects_for_user

from ris.catalog.models import Site
from ris.kernel.db.statements import PreparedQuery
from ris.kernel.errors import Forbidden, NotFound

from .models import ApiToken, SiteGroupPermission, SiteUserPermission, User
from .roles import ROLES, Can, Limits, Role

WORK_AT = "catalog.work_at"


_Key = tuple[int, Limits | None]
RoleRule = tuple[str, int | None, str | None]
"""Name of a role, and one of its access rules: site (None: every site) and reach; reach None: the role has no rule."""


@dataclass(slots=True)
class _Answers:
    """What was read of users' permissions since a request began, by the user's id and what limits them."""

    permissions: dict[_Key, frozenset[Can]] = field(default_factory=dict)
    sites: dict[_Key, tuple[Site, ...]] = field(default_factory=dict)
    role_rules: dict[int, tuple[RoleRule, ...]] = field(default_factory=dict)


# A context variable, not a thread's: under ASGI a request's synchronous code may change its thread.
_answers: ContextVar[_Answers | None] = ContextVar("permission answers", default=None)


@contextmanager
def read_permissions_once() -> Iterator[None]:
    """Within it, permissions and sites of a user are read from the database once: a request has one view of them."""
    token = _answers.set(_Answers())
    try:
        yield
    finally:
        _answers.reset(token)


def limit(user: User, limits: Limits) -> None:
    """Have this object of the user count only within ``limits``: the request was made with an API token."""
    user.limits = limits


def user_of_token(token: ApiToken, *, at: datetime) -> User | None:
    """The token's user, limited to what the token carries; None where it is revoked or over, or the user inactive."""
    if token.revoked_at is not None or not token.user.is_active:
        return None
    if token.expires_at is not None and token.expires_at <= at:
        return None
    cans = frozenset(Can(name) for name in token.scopes if name in set(Can)) if token.scopes else None
    limit(token.user, Limits(cans, frozenset(token.site_ids) if token.site_ids else None))
    return token.user


def permissions_of(user: User | AnonymousUser) -> frozenset[Can]:
    """All that the user's roles allow, at any site. A superuser may do everything."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    if user.acting is not None:
        return permissions_of(user.acting.user) & user.acting.cans
    answers = _answers.get()
    key = (user.pk, user.limits)
    if answers is not None and key in answers.permissions:
        return answers.permissions[key]
    cans = frozenset(Can) if user.is_superuser else _permissions_by_roles(user)
    if user.limits is not None and user.limits.cans is not None:
        cans &= user.limits.cans
    if answers is not None:
        answers.permissions[key] = cans
    return cans


def _permissions_by_roles(user: User) -> frozenset[Can]:
    names = role_names_of(user)
    return frozenset().union(*(cans for role, cans in ROLES.items() if role.value in names))


def role_names_of(user: User) -> frozenset[str]:
    """The names of the roles that the user acts in; read once within :func:`read_permissions_once`."""
    return frozenset(name for name, _, _ in role_rules_of(user))


def role_rules_of(user: User) -> tuple[RoleRule, ...]:
    """The roles that the user acts in, with their access rules, in one query; read once, as the names are."""
    if user.acting is not None:
        return role_rules_of(user.acting.user)
    answers = _answers.get()
    if answers is not None and user.pk in answers.role_rules:
        return answers.role_rules[user.pk]
    rules = tuple(user.groups.values_list("name", "access_rules__site", "access_rules__reach"))
    if answers is not None:
        answers.role_rules[user.pk] = rules
    return rules


def has_role(user: User, role: Role) -> bool:
    """Whether the user has the role, at any site."""
    return role.value in role_names_of(user)


def sites_for(user: User | AnonymousUser, can: Can) -> QuerySet[Site]:
    """The sites at which the user may do ``can``: none, unless a role allows it and the site was granted."""
    if can not in permissions_of(user):
        return Site.objects.none()
    if _answers.get() is not None or (isinstance(user, User) and (user.role_sites or user.acting)):
        # The ids are known: guardian's joins over content types and permissions need not run once more.
        return Site.objects.filter(pk__in=site_ids_for(user, can))
    return _sites_granted_to(user)


def site_ids_for(user: User | AnonymousUser, can: Can) -> frozenset[int]:
    """The ids of :func:`sites_for`; read once within :func:`read_permissions_once`."""
    if not isinstance(user, User) or can not in permissions_of(user):
        return frozenset()
    if user.acting is not None:
        return site_ids_for(user.acting.user, can)
    ids = frozenset(site.pk for site in sites_of(user))
    if not user.role_sites or user.is_superuser:
        return ids
    return narrow(ids, user.role_sites, role_names_of(user), can)


def narrow(
    site_ids: frozenset[int], role_sites: Mapping[str, list[int]], names: Collection[str], can: Can
) -> frozenset[int]:
    """Of a person's sites, those at which one of their roles (``names``) that allows ``can`` counts; ``role_sites``."""
    able = [role.value for role, cans in ROLES.items() if can in cans and role.value in names]
    if any(name not in role_sites for name in able):
        return site_ids
    return site_ids & {pk for name in able for pk in role_sites[name]}


def sites_of(user: User) -> tuple[Site, ...]:
    """Sites at which the user works, by themselves or by a role, by code; read once a request, as the others are.

    A superuser works everywhere. Who acts for another works where that one does.
    """
    if user.acting is not None:
        return sites_of(user.acting.user)
    answers = _answers.get()
    key = (user.pk, user.limits)
    if answers is not None and key in answers.sites:
        return answers.sites[key]
    sites = tuple(_sites_granted_to(user).order_by("code")) if user.is_superuser else _sites_by_grants(user)
    if answers is not None:
        answers.sites[key] = sites  # the same for each ``can``: sites are granted to people, not to roles
    return sites


def _sites_by_grants(user: User) -> tuple[Site, ...]:
    """As :func:`_sites_granted_to`, for somebody who is no superuser, by a statement whose text is built once."""
    codename = WORK_AT.rpartition(".")[2]
    only = user.limits.site_ids if user.limits is not None else None
    sites = _SITES.all(codename, user.pk, user.pk, codename)
    return tuple(site for site in sites if only is None or site.pk in only)


def _granted(codename: str, user_id: int, member_id: int, same_codename: str) -> QuerySet[Site]:
    """Sites granted to a user, or to a role of theirs. The values stand in the order of the statement's parameters."""
    own = SiteUserPermission.objects.filter(permission__codename=codename, user=user_id)
    by_role = SiteGroupPermission.objects.filter(group__user=member_id, permission__codename=same_codename)
    fits = Q(pk__in=own.values("content_object")) | Q(pk__in=by_role.values("content_object"))
    return Site.objects.filter(fits).order_by("code")


_SITES = PreparedQuery(_granted)


def _sites_granted_to(user: User | AnonymousUser) -> QuerySet[Site]:
    # No global permissions: who was given work_at without a site would see every site.
    sites: QuerySet[Site] = get_objects_for_user(user, WORK_AT, klass=Site, accept_global_perms=False)
    if isinstance(user, User) and user.limits is not None and user.limits.site_ids is not None:
        sites = sites.filter(pk__in=user.limits.site_ids)
    return sites


def granted_sites(user: User) -> QuerySet[Site]:
    """The sites at which the user works, whatever their roles let them do there."""
    granted = SiteUserPermission.objects.filter(user=user, permission__codename="work_at")
    return Site.objects.filter(pk__in=granted.values("content_object"))


def require(user: User | AnonymousUser, can: Can, site_id: int | None = None) -> None:
    """Raise unless the user may do ``can`` (at that site).

    :class:`Forbidden` when no role of theirs allows it; :class:`NotFound` when the site is not theirs,
    since what lies at a foreign site must look as if it did not exist.
    """
    if can not in permissions_of(user):
        raise Forbidden(f"Your role does not include “{can.value.replace('_', ' ')}”.", code="role")
    if site_id is not None and site_id not in site_ids_for(user, can):
        raise NotFound("There is no such thing at your sites.")
