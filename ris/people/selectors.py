"""Who may do what where: the one answer that pages, API, sockets and selectors all ask for."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from guardian.shortcuts import get_objects_for_user

from ris.catalog.models import Site
from ris.kernel.errors import Forbidden, NotFound

from .models import SiteUserPermission, User
from .roles import ROLES, Can, Role

WORK_AT = "catalog.work_at"


def permissions_of(user: User | AnonymousUser) -> frozenset[Can]:
    """All that the user's roles allow, somewhere. A superuser may everything."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset(Can)
    names = set(user.groups.values_list("name", flat=True))
    return frozenset().union(*(cans for role, cans in ROLES.items() if role.value in names))


def has_role(user: User, role: Role) -> bool:
    """Whether the user has the role, at any site."""
    return user.groups.filter(name=role.value).exists()


def sites_for(user: User | AnonymousUser, can: Can) -> QuerySet[Site]:
    """The sites at which the user may do ``can``: none, unless a role allows it and the site was granted."""
    if can not in permissions_of(user):
        return Site.objects.none()
    sites: QuerySet[Site] = get_objects_for_user(user, WORK_AT, klass=Site, accept_global_perms=False)
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
    if site_id is not None and not sites_for(user, can).filter(pk=site_id).exists():
        raise NotFound("There is no such thing at your sites.")
