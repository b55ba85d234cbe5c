"""What the login rules (:class:`LoginRule`) say for one person: strictest values of all that fit them."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q, QuerySet

from ris.people.models import LoginRule, User
from ris.people.selectors import granted_sites


def rules_for(user: User) -> QuerySet[LoginRule]:
    """The rules of the person's roles and sites, and those of everybody."""
    roles = user.groups.values_list("name", flat=True)
    of_site = Q(site=None) | Q(site__in=granted_sites(user))
    return LoginRule.objects.filter(Q(role="") | Q(role__in=roles), of_site)


def idle_limit_s(user: User) -> int:
    """Seconds without a key or a click after which the person's screens lock."""
    minutes = [given for given in rules_for(user).values_list("idle_minutes", flat=True) if given]
    return 60 * min(minutes) if minutes else int(settings.IDLE_LOCK.total_seconds())


def needs_second_factor(user: User) -> bool:
    """Whether a rule demands a second factor of the person."""
    return rules_for(user).filter(second_factor=True).exists()
