"""What somebody sees who is told of a critical finding: by a link without a log-in, or logged in from the bell."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from ris.kernel.clock import now
from ris.kernel.errors import Conflict, NotFound, Refusal
from ris.people.http import STATUS, go, page, user_of, zone_of
from ris.people.models import User

from ..models import CriticalMessage
from . import states
from .limits import RUNG_NAMES
from .links import acknowledge_by_link, may_see, message_of, refuse_dead_link, show_details
from .services import stop_message


@sensitive_post_parameters("pin", "proof")
@never_cache
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """A link of a message. GET shows site and level and changes nothing; the finding itself wants a second factor."""
    try:
        message = message_of(token)
        user = _who(request)
        site = message.finding.report.item.site
        # Who has no account here has no zone of their own: times are the site's.
        with timezone.override(zone_of(user) if user else ZoneInfo(site.time_zone)):
            answer = _answer(request, message, user)
    except Refusal as refusal:
        # page() says refusals for pages with a log-in; this one has none.
        status = next((code for kind, code in STATUS.items() if isinstance(refusal, kind)), 400)
        answer = render(request, "reporting/critical_link.html", {"refusal": refusal}, status=status)
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def _who(request: HttpRequest) -> User | None:
    return user_of(request) if request.user.is_authenticated else None


def _answer(request: HttpRequest, message: CriticalMessage, user: User | None) -> HttpResponse:
    context: dict[str, Any] = {
        "message": message, "loop": message.finding, "site": message.finding.report.item.site, "asked":
        RUNG_NAMES.get(message.rung, ""), "knows": user is not None and may_see(user, message),
        "has_pin": bool((message.user and message.user.pin) or (message.contact and message.contact.pin)),
        "path": request.path, "withdrawn": message.finding.state == states.WITHDRAWN,
    }  # fmt: skip
    at, source = now(), str(request.META.get("REMOTE_ADDR", ""))
    if request.method == "GET":
        refuse_dead_link(message, at=at)
        return render(request, "reporting/critical_link.html", context)
    if "proof" in request.POST:
        name = request.POST.get("name", "") or message.name
        loop = acknowledge_by_link(message, request.POST["proof"], user=user, name=name, source=source, at=at)
        return render(request, "reporting/critical_link.html", context | {"acknowledged": loop})
    try:
        proof = show_details(message, user=user, pin=request.POST.get("pin", ""), source=source, at=at)
    except Conflict:
        raise
    except Refusal as refusal:
        return render(request, "reporting/critical_link.html", context | {"fault": refusal.detail}, status=403)
    return render(request, "reporting/critical_link.html", context | _details(message) | {"proof": proof})


def _details(message: CriticalMessage) -> dict[str, Any]:
    report = message.finding.report
    order = report.procedure.order
    return {"shown": True, "report": report, "order": order, "patient": order.patient, "item": report.item}


@never_cache
@require_http_methods(["GET", "POST"])
@page()
def told(request: HttpRequest, told_id: int) -> HttpResponse:
    """The same for who is logged in and was told on the screen: the log-in is the second factor. Audited."""
    user, at, source = user_of(request), now(), str(request.META.get("REMOTE_ADDR", ""))
    rows = CriticalMessage.objects.select_related("finding__report__item__site", "user", "contact")
    message = rows.filter(pk=told_id, user=user).first()
    if message is None:
        raise NotFound("There is no such message to you.")
    if request.method == "POST" and message.rung == 0:
        stop_message(message)
        return go(request, "/", "Seen.")
    if request.method == "POST":
        acknowledge_by_link(message, request.POST.get("proof", ""), user=user, name="", source=source, at=at)
        return go(request, reverse("reporting:critical-told", args=[message.pk]), "Acknowledged.")
    loop = message.finding
    context = {"message": message, "loop": loop, "withdrawn": loop.state == states.WITHDRAWN, **_details(message)}
    if loop.state != states.ACKNOWLEDGED:
        context["proof"] = show_details(message, user=user, pin="", source=source, at=at)
    return render(request, "reporting/critical_told.html", context)
