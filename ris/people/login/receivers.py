"""What django-allauth tells by signals, as audit events and in the session. Connected by the app's ``ready``."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.contrib.auth import signals as auth
from django.dispatch import receiver
from django.http import HttpRequest

from ris.audit.services import Actor, record
from ris.kernel.clock import now
from ris.people.models import User
from ris.people.providers.services import sync_roles

from .adapter import address_of
from .session import begin_session
from .throttle import forget_failures


@receiver(account.user_logged_in)
def on_log_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Audit ``people.login`` with the methods used; the moments of log-in and of last activity begin."""
    at = now()
    methods = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    for method in methods:
        # Who has just logged in is not asked at once for the same password again.
        method["reauthenticated"] = True
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = methods
    begin_session(request.session, user, at=at)
    names = [str(method.get("type") or method.get("provider") or method["method"]) for method in methods]
    record(_actor(request, user), "people.login", user, at=at, methods=names)
    forget_failures(user.get_username(), at=at)


@receiver(auth.user_logged_out)
def on_log_out(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Audit ``people.logout``."""
    if isinstance(user, User):
        record(_actor(request, user), "people.logout", user, at=now())


@receiver(account.password_changed)
def on_password_change(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Audit ``people.password``. Django ends the person's other sessions by the changed hash."""
    record(_actor(request, user), "people.password", user, at=now())


@receiver(mfa.authenticator_added)
def on_factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Audit ``people.factor-add`` with the kind of second factor."""
    record(_actor(request, user), "people.factor-add", authenticator, at=now(), kind=str(authenticator.type))


@receiver(mfa.authenticator_removed)
def on_factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Audit ``people.factor-remove``."""
    record(_actor(request, user), "people.factor-remove", user, at=now(), kind=str(authenticator.type))


@receiver(mfa.authenticator_reset)
def on_factor_reset(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Audit ``people.factor-reset``: new recovery codes."""
    record(_actor(request, user), "people.factor-reset", authenticator, at=now(), kind=str(authenticator.type))


@receiver(social.social_account_added)
def on_connect(request: HttpRequest, sociallogin: SocialLogin, **kwargs: Any) -> None:
    """Audit ``people.provider-connect``; who came in by it, not from their profile, gets the roles of their groups."""
    user, at = sociallogin.user, now()
    record(_actor(request, user), "people.provider-connect", user, at=at, provider=sociallogin.account.provider)
    if sociallogin.state.get("process") != AuthProcess.CONNECT:
        sync_roles(user, actor=_actor(request, user), at=at)


def _actor(request: HttpRequest, user: User) -> Actor:
    return Actor.of_user(user, address_of(request))
