"""One's own API tokens: what each may, when it was last used, one sight of a new one, revoking. Set-up sees all."""

from __future__ import annotations

from functools import wraps
from typing import Any

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate, get_reauthentication_flows
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from ris.kernel.clock import now
from ris.kernel.errors import Forbidden, Invalid
from ris.kernel.values import read_id
from ris.people.http import View, actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import granted_sites, permissions_of
from ris.people.services import TokenIntent, issue_token, live_tokens, revoke_token

from .policy import came_by_provider


def privileged(view: View) -> View:
    """Within :func:`ris.people.http.page`: ask for password or second factor when that was over five minutes ago.

    The middleware of django-allauth sends the browser to ``/account/reauthenticate/`` and goes on with the request,
    a form included, once that is done.
    """

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_recent(request):
            raise ReauthenticationRequired
        return view(request, *args, **kwargs)

    return inner


def is_recent(request: HttpRequest) -> bool:
    """Whether the person showed within five minutes who they are, here or at an identity provider.

    Raises Forbidden for who could show it only by logging in anew.
    """
    if did_recently_reauthenticate(request) or came_by_provider(request.session, at=now()):
        return True
    if not get_reauthentication_flows(request.user):
        raise Forbidden("Log out and in again: this asks who you are when you logged in over five minutes ago.")
    return False


@never_cache
@page()
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens; POST makes one of the user's own and shows it once, after asking anew who is there."""
    return _issue(request) if request.method == "POST" else _show(request)


@privileged
def _issue(request: HttpRequest) -> HttpResponse:
    intent = _intent(request.POST)
    token = issue_token(user_of(request), intent=intent, actor=actor_of(request), at=now())
    return _show(request, token)


def _intent(values: QueryDict) -> TokenIntent:
    days = values.get("days", "")
    if not days.isascii() or not days.isdigit() or len(days) > 4:
        raise Invalid("Say in how many days the token runs out.", at="days")
    names = set(values.getlist("scopes"))
    return TokenIntent(
        label=values.get("label", ""),
        days=int(days),
        read_only=bool(values.get("read_only")),
        scopes=tuple(can for can in Can if can.value in names),
        site_ids=tuple(read_id(text, at="sites") for text in values.getlist("sites")),
    )


def _show(request: HttpRequest, token: str = "") -> HttpResponse:
    user: User = user_of(request)
    context = {
        "tokens": live_tokens(user),
        "token": token,
        "cans": sorted(can.value for can in permissions_of(user)),
        "sites": granted_sites(user).order_by("code"),
        "at": now(),
    }
    return render(request, "people/tokens.html", context)


@require_POST
@page()
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke a token of one's own, or anybody's for who sets up."""
    row = revoke_token(user_of(request), token_id, actor=actor_of(request), at=now())
    return go(request, reverse("people:tokens"), f"Revoked: {row.label}.")
