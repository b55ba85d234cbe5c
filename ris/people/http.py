"""What every page and call does around its one service: who asks and from where, may they, refusals in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from ris.kernel.language.catalogue import say

from .models import User
from .roles import Can
from .selectors import permissions_of

View = Callable[..., HttpResponse]
STATUS: dict[type[Refusal], int] = {Invalid: 400, Forbidden: 403, NotFound: 404, Conflict: 409}


def user_of(request: Any) -> User:
    """The logged-in user of a Django or DRF request; the edge has made sure that there is one."""
    return cast(User, request.user)


def actor_of(request: HttpRequest | Any) -> Actor:
    """Who acts, with the address they come from."""
    user = user_of(request)
    actor = Actor.of_user(user, str(request.META.get("REMOTE_ADDR", "")))
    if user.break_glass_until is None or user.limits is not None:
        return actor
    rows = user.emergency_accesses.filter(ends_at__gt=now())  # of ris.access, which is above
    return replace(actor, emergencies=tuple(rows.values_list("patient", "pk")))


def page(*cans: Can) -> Callable[[View], View]:
    """A page for people who may do one of ``cans`` somewhere (none given: for all who are logged in).

    Refusals raised inside become a page, a toast (htmx) or problem details (fetch), with the fitting status.
    What belongs to which site stays the page's own question, asked through a selector.
    """

    def around(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _log_in(request)
            user = user_of(request)
            with timezone.override(zone_of(user)):
                try:
                    if cans and not permissions_of(user) & set(cans):
                        raise Forbidden("This page belongs to another role than yours.", code="role")
                    return view(request, *args, **kwargs)
                except Refusal as refusal:
                    return refused(request, refusal)

        inner.cans = frozenset(cans)  # type: ignore[attr-defined]  # what a list of pages by role is made of
        return inner

    return around


def zone_of(user: User) -> ZoneInfo:
    """The zone in which the user reads times; UTC when theirs is unknown."""
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"


def wants_json(request: HttpRequest) -> bool:
    """Whether the caller accepts JSON."""
    return "application/json" in request.headers.get("Accept", "")


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The refusal in the form in which the request can show it."""
    status = next((code for kind, code in STATUS.items() if isinstance(refusal, kind)), 400)
    if wants_json(request):
        body = {"status": status, "code": refusal.code, "detail": say(refusal.detail), "at": refusal.at}
        return JsonResponse(body, status=status, content_type="application/problem+json")
    if is_htmx(request):
        return toast(HttpResponse(status=status), say(refusal.detail), level="error")
    return render(request, "refusal.html", {"refusal": refusal, "status": status}, status=status)


def toast(response: HttpResponse, text: str, *, level: str = "success", undo: str = "") -> HttpResponse:
    """Have the page show ``text`` once; ``undo`` is a URL to POST to within ten seconds."""
    events = json.loads(response.get("HX-Trigger", "{}"))  # a view may have set another event before
    events["toast"] = {"text": say(text), "level": level, "undo": undo}
    response["HX-Trigger"] = json.dumps(events)
    return response


def go(request: HttpRequest, url: str, text: str = "", *, level: int = messages.SUCCESS) -> HttpResponse:
    """Send the browser on, and say ``text`` there."""
    if text:
        messages.add_message(request, level, say(text))
    if is_htmx(request):
        # htmx follows a 302 inside its own request and would swap the whole page into one part of this one.
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def _log_in(request: HttpRequest) -> HttpResponse:
    if is_htmx(request) or wants_json(request):
        # A log-in form must not be swapped into a part of a page: the page asks for it in a dialog (static/js/lock.js).
        return HttpResponse(status=401)
    return redirect_to_login(request.get_full_path(), login_url="/login/")
