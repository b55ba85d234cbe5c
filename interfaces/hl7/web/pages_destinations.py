"""Page of one destination: what it gets, what waits for it, its switches, and back-fills."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import selectors
from ..models import BackFill
from ..operations import services
from ..operations.message_filter import MessageFilter
from ..outbound import backfill
from ..outbound.triggers import KINDS


@require_safe
@page(Can.SEE_MESSAGES)
def show_destination(request: HttpRequest, destination_id: int) -> HttpResponse:
    """What it wants and what waits for it. With ``since`` and ``until``: what a back-fill would queue, counted."""
    user = user_of(request)
    destination = selectors.destination_for(user, destination_id)
    record(actor_of(request), "destination.view", destination, at=now())
    span, counted = MessageFilter.from_values(request.GET), None
    may_mend = Can.MEND_MESSAGES in permissions_of(user)
    if may_mend and span.since and span.until:
        counted = backfill.count(destination.pk, since=span.since, until=span.until, most=backfill.LOOKED_AT)
    context = {
        "to": destination, "profiles": destination.profiles.all(),
        "kinds": [(kind, KINDS.get(kind, "")) for kind in destination.kinds],
        "queue": next(queue for queue in selectors.queues(user) if queue.destination.pk == destination.pk),
        "asked": span, "counted": counted, "may_mend": may_mend, "back_fills": destination.back_fills.all()[:20],
    }  # fmt: skip
    return render(request, "hl7/destination.html", context)


@require_POST
@page(Can.MEND_MESSAGES)
def start_back_fill(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Start, with a reason."""
    destination = selectors.destination_for(user_of(request), destination_id)
    span = MessageFilter.from_values(request.POST)
    if span.since is None or span.until is None:
        raise Invalid("Say from when to when.", at="since")
    reason = _reason(request)
    backfill.start(destination.pk, since=span.since, until=span.until, reason=reason, actor=actor_of(request), at=now())
    return go(request, reverse("hl7:destination", args=[destination.pk]), "Started. It goes on by itself.")


@require_POST
@page(Can.MEND_MESSAGES)
def halt_back_fill(request: HttpRequest, destination_id: int, job_id: int) -> HttpResponse:
    """Stop a back-fill, with a reason."""
    destination = selectors.destination_for(user_of(request), destination_id)
    job = selectors.one_of(BackFill.objects.filter(destination=destination), job_id)
    backfill.halt(job.pk, reason=_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("hl7:destination", args=[destination.pk]), "Stopped. What was queued stays.")


@require_POST
@page(Can.MEND_MESSAGES)
def control_destination(request: HttpRequest, destination_id: int, act: str) -> HttpResponse:
    """Pause it with a reason, resume it, or try it now."""
    destination = selectors.destination_for(user_of(request), destination_id)
    actor, at = actor_of(request), now()
    if act == "pause":
        services.pause(destination.pk, reason=_reason(request), actor=actor, at=at)
        notice = f"{destination.name} is paused. Messages wait in order."
    elif act == "resume":
        services.resume(destination.pk, actor=actor, at=at)
        notice = f"{destination.name} is sent to again."
    else:
        services.try_now(destination.pk, actor=actor, at=at)
        notice = f"{destination.name} is tried now."
    return go(request, reverse("hl7:messages") + "?way=out", notice)


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:250]
