"""What the lock dialog of every page asks the server, and the lock page for browsers that arrive while locked."""

from __future__ import annotations

from typing import Any

from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth as webauthn
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from ris.kernel.clock import now
from ris.kernel.errors import Forbidden, Refusal
from ris.people.http import actor_of, go, page, refused, user_of, wants_json

from .forms import LoginForm
from .lock import finish_unlock, lock, set_pin, unlock
from .session import LOCKED, is_locked


@require_safe
@never_cache
def state(request: HttpRequest) -> JsonResponse:
    """Whose session the browser has (``user``, null for none), whether it is locked, and a CSRF token of now."""
    user_id = request.user.pk if request.user.is_authenticated else None
    locked = user_id is not None and is_locked(request.session)
    return JsonResponse({"user": user_id, "locked": locked, "csrf": get_token(request)})


@require_POST
@page()
def lock_now(request: HttpRequest) -> HttpResponse:
    """Lock the screen; 204."""
    lock(request.session, user_of(request), actor=actor_of(request), at=now())
    return HttpResponse(status=204)


@require_POST
@page()
def seen(request: HttpRequest) -> HttpResponse:
    """The person is working on the page, though it asks nothing of the server; 204. A locked session stays locked."""
    return HttpResponse(status=423 if LOCKED in request.session else 204)


@require_safe
@never_cache
@page()
def lock_page(request: HttpRequest) -> HttpResponse:
    """The lock alone, for a browser that opens an address while its session is locked."""
    return render(request, "people/lock.html", {"next": _next(request), "fault": ""})


@require_safe
@never_cache
@page()
def passkey_options(request: HttpRequest) -> JsonResponse:
    """What the browser needs to ask for a passkey of the session's person (WebAuthn 5.5)."""
    options: dict[str, Any] = webauthn.begin_authentication(user_of(request))
    return JsonResponse(options)


@sensitive_post_parameters("secret")
@require_POST
@never_cache
@page()
def unlock_session(request: HttpRequest) -> HttpResponse:
    """Unlock by ``secret`` (password or PIN) or ``credential`` (passkey). JSON, or on to ``next``."""
    user, actor, at = user_of(request), actor_of(request), now()
    try:
        if "credential" in request.POST:
            form = ReauthenticateWebAuthnForm(user=user, data=request.POST)
            if not form.is_valid():
                raise Forbidden("This passkey is not yours, or was not accepted.", code="wrong-secret")
            form.save()
            finish_unlock(request.session, user, how="passkey", actor=actor, at=at)
        else:
            unlock(request, user, request.POST.get("secret", ""), actor=actor, at=at)
    except Refusal as refusal:
        if wants_json(request):
            return refused(request, refusal)
        context = {"next": _next(request), "fault": refusal.detail}
        return render(request, "people/lock.html", context, status=403)
    if wants_json(request):
        return JsonResponse({"user": user.pk, "csrf": get_token(request)})
    return HttpResponseRedirect(_next(request))


@sensitive_post_parameters("password")
@require_POST
@never_cache
def login_over(request: HttpRequest) -> HttpResponse:
    """Log in over a page whose session is over, or switch user on a locked one; JSON ``{user, go, csrf}``.

    The session of the person before ends only when the other's password was right. ``go``: where the browser goes
    when it is another person, or when a second factor is still to be shown (``user`` is null then).
    """
    values = {"login": request.POST.get("username", ""), "password": request.POST.get("password", "")}
    form = LoginForm(values, request=request)
    if not form.is_valid():
        words = [message for messages in form.errors.values() for message in messages]
        return refused(request, Forbidden(words[0], code="wrong-secret"))
    if request.user.is_authenticated:
        logout(request)  # a session is one person's: nothing of it may pass to the next
    answer = form.login(request, redirect_url="/")
    user_id = request.user.pk if request.user.is_authenticated else None
    return JsonResponse({"user": user_id, "go": answer["Location"], "csrf": get_token(request)})


@sensitive_post_parameters("pin")
@require_POST
@page()
def pin(request: HttpRequest) -> HttpResponse:
    """Set the user's PIN, or take it away."""
    set_pin(user_of(request), request.POST.get("pin", ""), actor=actor_of(request), at=now())
    return go(request, reverse("people:profile"), "Saved.")


def _next(request: HttpRequest) -> str:
    given = request.POST.get("next") or request.GET.get("next") or "/"
    allowed = url_has_allowed_host_and_scheme(given, allowed_hosts=None, require_https=request.is_secure())
    return given if allowed else "/"
