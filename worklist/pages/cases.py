"""What a reader does with a case from the reading list: the next one, claim, give back, decline, park."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from ris.kernel.clock import now
from ris.kernel.errors import Conflict
from ris.kernel.templatetags.times import span
from ris.kernel.values import read_moment, read_number
from ris.people.http import actor_of, go, is_htmx, page, toast, user_of
from ris.people.roles import Can

from .. import selectors, services
from ..states import FINAL

MOST_MINUTES = 30 * 24 * 60
"""So long a case may be parked by a number of minutes."""


@require_POST
@page(Can.READ_CASES)
def next_case(request: HttpRequest) -> HttpResponse:
    """The server chooses, at this moment, and claims."""
    user = user_of(request)
    item = services.next_case(user, actor=actor_of(request), at=now())
    if item is None:
        return toast(
            HttpResponse(status=204), "No case waits for you. New ones appear here by themselves.", level="info"
        )
    return go(request, reverse("reporting:room", args=[item.pk]))


@require_POST
@page(Can.READ_CASES)
def claim(request: HttpRequest, item_id: int) -> HttpResponse:
    """Take it, and go to it."""
    try:
        services.claim(_visible(request, item_id), reader=user_of(request), actor=actor_of(request), at=now())
    except Conflict as refusal:
        return _lost_race(request, item_id, refusal)
    return go(request, reverse("reporting:room", args=[item_id]))


@require_POST
@page(Can.READ_CASES)
def take_over(request: HttpRequest, item_id: int) -> HttpResponse:
    """Take it from its reader, with a reason; the whole draft comes along."""
    reason = request.POST.get("reason", "")
    try:
        services.take_over(
            _visible(request, item_id), reader=user_of(request), reason=reason, actor=actor_of(request), at=now()
        )
    except Conflict as refusal:
        return _lost_race(request, item_id, refusal)
    return go(request, reverse("reporting:room", args=[item_id]), "Taken over, with the draft.")


@require_POST
@page(Can.READ_CASES)
def release(request: HttpRequest, item_id: int) -> HttpResponse:
    """Give it back; the draft stays."""
    services.release(
        _visible(request, item_id),
        reader=user_of(request),
        reason=request.POST.get("reason", ""),
        actor=actor_of(request),
        at=now(),
    )
    return _back(request, "Released. Your draft is kept with the case.")


@require_POST
@page(Can.READ_CASES)
def skip(request: HttpRequest, item_id: int) -> HttpResponse:
    """Decline it with a reason."""
    services.skip(
        _visible(request, item_id),
        reader=user_of(request),
        reason=request.POST.get("reason", ""),
        actor=actor_of(request),
        at=now(),
    )
    return _back(request, "Skipped. You will not be given it again.")


@require_POST
@page(Can.READ_CASES)
def park(request: HttpRequest, item_id: int) -> HttpResponse:
    """Set it aside for some minutes (``minutes``, default an hour) or until a moment, with a reason."""
    at = now()
    moment = request.POST.get("until", "")
    until = read_moment(moment, at="until") if moment else at + _minutes(request)
    services.park(
        _visible(request, item_id),
        reader=user_of(request),
        until=until,
        reason=request.POST.get("reason", ""),
        actor=actor_of(request),
        at=at,
    )
    return _back(request, "Parked for an hour. It comes back by itself, or from the list “Parked”.")


@require_POST
@page(Can.READ_CASES)
def resume(request: HttpRequest, item_id: int) -> HttpResponse:
    """Bring a parked case back."""
    services.resume(_visible(request, item_id), reader=user_of(request), actor=actor_of(request), at=now())
    return _back(request, "Back on the list.")


def _visible(request: HttpRequest, item_id: int) -> int:
    """The id, of an item that the user may see. Raises NotFound for any other, as if it were not there."""
    return selectors.item_for(user_of(request), item_id).pk


def _lost_race(request: HttpRequest, item_id: int, refusal: Conflict) -> HttpResponse:
    """409 that says who was quicker and what to do next, and has the page read the case again.

    Raises the refusal itself where it has another cause than another reader.
    """
    item = selectors.item_for(user_of(request), item_id)
    if item.reader is None or item.reader == user_of(request):
        raise refusal
    if item.state == FINAL:
        text = f"{item.reader.display_name} has signed this case. Press N for the next case."
    else:
        held = span(now() - item.claimed_at) if item.claimed_at else "a moment"
        text = f"{item.reader.display_name} took this case {held} ago. Press N for the next case, or T to take it over."
    if not is_htmx(request):
        raise Conflict(text, code=refusal.code)
    here = reverse("reporting:room", args=[item_id])
    if urlsplit(request.headers.get("HX-Current-URL", "")).path == here:
        messages.error(request, text)  # the room is drawn again: it shows the holder, and the keys that help
        return HttpResponse(status=409, headers={"HX-Redirect": here})
    response = HttpResponse(status=409, headers={"HX-Trigger": json.dumps({"stale-row": {"id": item_id}})})
    return toast(response, text, level="error")


def _minutes(request: HttpRequest) -> timedelta:
    return timedelta(minutes=read_number(request.POST.get("minutes", "60"), at="minutes", most=MOST_MINUTES))


def _back(request: HttpRequest, text: str) -> HttpResponse:
    """From the room to the list; on the list, stay: the live line redraws the row."""
    if request.headers.get("HX-Current-URL", "").rstrip("/").endswith(reverse("worklist:list").rstrip("/")) or (
        request.headers.get("HX-Current-URL", "").find(reverse("worklist:list") + "?") >= 0
    ):
        return toast(HttpResponse(status=204), text)
    return go(request, reverse("worklist:list"), text)
