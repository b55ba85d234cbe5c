"""Whom django-allauth lets in by an identity provider: who has a mapped group, and an account of their own."""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from ris.audit.services import Actor
from ris.kernel.clock import now

from ..login.adapter import address_of
from ..login.policy import SEALED
from ..models import RoleMapping, User
from .configuration import IdentityProvider
from .services import groups_in, note_refusal, sync_roles

CAUSES = {
    "no-role": "None of your groups has a role here. An administrator can see that you tried.",
    "taken": "There is an account here under your name or e-mail address. Log in to it with its password, then connect "
             "the two under Profile, Sessions.",
    "inactive": "This account is switched off here.",
    "superuser": "This account logs in by its password only.",
    "failed": "The identity provider did not say who you are. Try again; if that fails, ask an administrator.",
}  # fmt: skip
"""Why somebody was not let in, in words for them."""


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Accounts by provider: made at the first log-in of who has a role, never joined to another's by guess."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Yes: :meth:`pre_social_login` has refused who has no role."""
        return True

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        """Only a provider that the settings trust with addresses opens an account that exists here, and only one."""
        people = User.objects.filter(email__iexact=email)
        return _provider_of(login).trusted_email and people.count() == 1 and not people.filter(is_superuser=True)

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        """Back to where one connects."""
        return reverse("people:sessions")

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse who may not log in; make the roles of who is known what their groups give now."""
        provider, account = _provider_of(sociallogin), sociallogin.account
        known = sociallogin.user if sociallogin.is_existing else None
        groups = _groups_of(provider, account.extra_data)
        account.extra_data = {"groups": groups}  # nothing else of the claims is needed again
        if account.pk:
            account.save(update_fields=["extra_data"])
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            _check_connection(request, provider, groups)
        elif known is None:
            self._check_newcomer(request, sociallogin, groups)
        elif not known.is_active:
            _refuse(request, provider, known.get_username(), "inactive", groups)
        elif account.pk is None and not _has_role(provider, groups):
            # Known by a trusted address only, and not connected yet: the account here stays as it is.
            _refuse(request, provider, known.get_username(), "no-role", groups)
        elif account.pk and not sync_roles(known, actor=_actor(request, known), at=now()):
            _refuse(request, provider, known.get_username(), "no-role", groups)

    def _check_newcomer(self, request: HttpRequest, sociallogin: SocialLogin, groups: list[str]) -> None:
        provider, user = _provider_of(sociallogin), sociallogin.user
        name = user.username or user.email.partition("@")[0] or sociallogin.account.uid
        user.username = name[:150]
        if not _has_role(provider, groups):
            _refuse(request, provider, name, "no-role", groups)
        same_address = user.email and User.objects.filter(email__iexact=user.email).exists()
        if same_address or User.objects.filter(username__iexact=user.username).exists():
            _refuse(request, provider, name, "taken", groups)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Make the account, with the roles of its groups."""
        user: User = super().save_user(request, sociallogin, form)
        sync_roles(user, actor=_actor(request, user), at=now())
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None,
                                extra_context: Any = None) -> None:  # fmt: skip
        """Say so in our words. What the provider sent is not shown and not logged: it may name the person."""
        raise ImmediateHttpResponse(refuse_answer(request, settings.IDENTITY_PROVIDERS[provider.sub_id]))


def _provider_of(sociallogin: SocialLogin) -> IdentityProvider:
    provider: IdentityProvider = settings.IDENTITY_PROVIDERS[sociallogin.account.provider]
    return provider


def _groups_of(provider: IdentityProvider, claims: dict[str, Any]) -> list[str]:
    """SAML: attributes; OpenID Connect: the claims of both places, since providers differ in where they put groups."""
    places = [claims, claims.get("userinfo"), claims.get("id_token")]
    return sorted({group for place in places for group in groups_in(place, provider.groups)})


def _has_role(provider: IdentityProvider, groups: list[str]) -> bool:
    return RoleMapping.objects.filter(provider__in=("", provider.id), value__in=groups).exists()


def _check_connection(request: HttpRequest, provider: IdentityProvider, groups: list[str]) -> None:
    if request.user.is_superuser or request.user.get_username() == SEALED:
        _refuse(request, provider, request.user.get_username(), "superuser", groups)


def refuse_answer(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """403 for an answer of the provider that says of nobody who they are; noted and audited."""
    return _refusal(request, provider, "unknown account", "failed", [])


def _refuse(request: HttpRequest, provider: IdentityProvider, name: str, cause: str, groups: list[str]) -> NoReturn:
    raise ImmediateHttpResponse(_refusal(request, provider, name, cause, groups))


def _refusal(
    request: HttpRequest, provider: IdentityProvider, name: str, cause: str, groups: list[str]
) -> HttpResponse:
    actor = Actor("unknown account", None, address_of(request))
    note_refusal(provider.id, name, cause=cause, groups=groups, actor=actor, at=now())
    return render(request, "people/provider_refused.html", {"words": CAUSES[cause]}, status=403)


def _actor(request: HttpRequest, user: User) -> Actor:
    return Actor.of_user(user, address_of(request))
