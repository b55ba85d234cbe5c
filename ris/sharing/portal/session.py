"""Who is logged in to the portal: kept in a session of its own kind, which no page of the house takes for a user."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from ris.kernel.errors import Forbidden, Refusal
from ris.people.http import STATUS

from ..models import PortalAccount
from ..words import CHOSEN, LANGUAGES, page_words

ACCOUNT = "portal"
"""Key in a session: the account, a digest of its password, since when, seen when."""
IDLE_S, LONGEST_S = 15 * 60, 2 * 60 * 60
View = Callable[..., HttpResponse]


def begin(request: HttpRequest, account: PortalAccount) -> None:
    """A new session for an account; whoever was logged in with this browser is logged out."""
    language = request.session.get(CHOSEN)
    request.session.flush()
    now_s = int(time.time())
    request.session[ACCOUNT] = {"id": account.pk, "check": _check(account), "began": now_s, "seen": now_s}
    if language:
        request.session[CHOSEN] = language


def _check(account: PortalAccount) -> str:
    # Another password ends every session that began under the one before.
    return salted_hmac("ris.sharing.portal", account.password, algorithm="sha256").hexdigest()


def account_of(request: HttpRequest) -> PortalAccount | None:
    """The account that is logged in with this browser, after at most 15 idle minutes and two hours in all."""
    kept = request.session.get(ACCOUNT)
    now_s = int(time.time())
    if not kept or now_s - kept["seen"] > IDLE_S or now_s - kept["began"] > LONGEST_S:
        return None
    account = PortalAccount.objects.filter(pk=kept["id"], active=True).first()
    if account is None or not constant_time_compare(kept["check"], _check(account)):
        return None
    request.session[ACCOUNT] = {**kept, "seen": now_s}
    return account


def portal_page(view: View) -> View:
    """A page for who is logged in to the portal; the view gets the account. Refusals are told in the page's words."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        account = account_of(request)
        if account is None and request.user.is_authenticated:
            return answer(request, _refuse_staff)
        if account is None:
            return HttpResponseRedirect(reverse("sharing:portal"))
        return answer(request, lambda: view(request, account, *args, **kwargs))

    return inner


def _refuse_staff() -> HttpResponse:
    raise Forbidden("This page is for patients. Whoever works here opens the report in their own pages.")


def answer(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    """The view's answer, with private headers; a refusal as a page of the portal; a chosen language is kept."""
    if request.GET.get("language") in LANGUAGES:
        request.session[CHOSEN] = request.GET["language"]
    try:
        response = view()
    except Refusal as refusal:
        status = next((code for kind, code in STATUS.items() if isinstance(refusal, kind)), 400)
        words = page_words(request)
        context = {**words, "title": words["t"]["dead_title"], "text": refusal.detail}
        response = render(request, "sharing/nothing.html", context, status=status)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers["Cache-Control"] = "no-store"
    return response
