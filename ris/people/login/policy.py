"""What the login rules (:class:`LoginRule`) say for one person: strictest values of all that fit them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.db.models import Q, QuerySet

from ris.people.models import LoginRule, User
from ris.people.providers.configuration import IdentityProvider
from ris.people.selectors import granted_sites

SEALED = "sealed-administrator"
"""User name of the account that ``bin/ris admin open`` switches on for some hours; see ``sealed``."""


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
    """Whether a rule demands a second factor of the person. The sealed administrator's is the server's console."""
    return user.get_username() != SEALED and rules_for(user).filter(second_factor=True).exists()


def has_left(user: User, *, at: datetime) -> bool:
    """Whether the person's time here is over, though no sweep has switched the account off yet."""
    return user.leaves_at is not None and user.leaves_at <= at


def provider_asked_factor(session: Mapping[str, Any]) -> bool:
    """Whether the session began at an identity provider that asks for a second factor itself."""
    return any(provider.second_factor for provider, _ in _provider_log_ins(session))


def came_by_provider(session: Mapping[str, Any], *, at: datetime) -> bool:
    """Whether an identity provider said who is there, not longer ago than a password counts."""
    longest_s = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return any(at.timestamp() - said_s < longest_s for _, said_s in _provider_log_ins(session))


def _provider_log_ins(session: Mapping[str, Any]) -> Iterator[tuple[IdentityProvider, float]]:
    for method in session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
        provider = settings.IDENTITY_PROVIDERS.get(method.get("provider"))
        if method["method"] == "socialaccount" and provider is not None:
            yield provider, method["at"]
