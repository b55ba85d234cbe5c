"""Log-in, own password, own sessions."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.views import LoginView, PasswordChangeView
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.kernel.clock import now
from ris.kernel.errors import Forbidden
from ris.people.demo.offers import offers, password_of
from ris.people.http import actor_of, go, page, user_of
from ris.people.providers.configuration import OIDC, IdentityProvider

from .forms import LoginForm
from .sessions import end_session, end_sessions, open_sessions


class LoginPage(LoginView):
    """Log-in by user name and password, then by the second factor where the person has one."""

    template_name = "people/login.html"
    form_class = LoginForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form reads the user name as ``login``; the page and programs send it as ``username``."""
        kwargs: dict[str, Any] = super().get_form_kwargs()
        if "data" in kwargs:
            data = kwargs["data"] = kwargs["data"].copy()
            data.setdefault("login", data.get("username", ""))
            if "demo" in data:
                data["login"] = data["demo"]
                data["password"] = "" if _is_proxied(self.request) else password_of(data["demo"])
        return kwargs

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the identity providers, each with the address that begins a log-in by it."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        onward = f"?{urlencode({'next': self.request.GET['next']})}" if self.request.GET.get("next") else ""
        offered = [] if _is_proxied(self.request) else offers()
        return context | {"demo_offers": offered, "identity_providers": [
            {"name": provider.name, "url": log_in_address(provider) + onward}
            for provider in settings.IDENTITY_PROVIDERS.values()
        ]}  # fmt: skip


def _is_proxied(request: HttpRequest) -> bool:
    """Whether the request came through a proxy, told of in the settings or not: others may reach this page then."""
    return any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "Via"))


def log_in_address(provider: IdentityProvider) -> str:
    """Where a POST begins a log-in by the provider."""
    return reverse("openid_connect_login" if provider.kind == OIDC else "saml_login", args=[provider.id])


class PasswordPage(PasswordChangeView):
    """A new password of one's own. Whose password lies with an identity provider changes it there."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Raise Forbidden for who has no password here."""
        if request.user.is_authenticated and not request.user.has_usable_password():
            raise Forbidden("Your password is kept by your hospital's log-in. Change it there.")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response


login = LoginPage.as_view()
logout = LogoutView.as_view(next_page="/login/")
password = PasswordPage.as_view()


@require_safe
@page()
def sessions(request: HttpRequest) -> HttpResponse:
    """Where the user is logged in."""
    user = user_of(request)
    connected = {row.provider: row for row in SocialAccount.objects.filter(user=user)}
    context = {
        "sessions": open_sessions(user, str(request.session.session_key), at=now()),
        "connections": [
            {"name": provider.name, "url": log_in_address(provider), "account": connected.get(provider.id)}
            for provider in settings.IDENTITY_PROVIDERS.values()
        ],
    }
    return render(request, "people/sessions.html", context)


@require_POST
@page()
def end_one_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one of the user's own sessions."""
    end_session(user_of(request), session_id, actor=actor_of(request), at=now())
    return go(request, reverse("people:sessions"), "Ended.")


@require_POST
@page()
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """End all of the user's sessions but this one."""
    count = end_sessions(user_of(request), but=str(request.session.session_key), actor=actor_of(request), at=now())
    return go(request, reverse("people:sessions"), f"Ended: {count}.")
