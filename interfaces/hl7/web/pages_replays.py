"""Pages of bulk replays: which messages, how many they are, how far a replay is, and stop."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import selectors
from ..inbound.routing import MESSAGES
from ..models import InboundMessage
from ..operations import bulk_replay
from ..operations.message_filter import MessageFilter


@require_http_methods(["GET", "POST"])
@page(Can.MEND_MESSAGES)
def start_replay(request: HttpRequest) -> HttpResponse:
    """GET: what would be taken again, counted. POST: start, with a reason."""
    user = user_of(request)
    asked, sites = MessageFilter.from_values(request.GET), selectors.sites_seen(user)
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()[:250]
        job = bulk_replay.start(asked, sites, reason=reason, actor=actor_of(request), at=now())
        return go(request, reverse("hl7:replay-job", args=[job.pk]), f"Started: {job.total} messages.")
    record(actor_of(request), "messages.view", user, at=now(), asked=asked.to_json())
    context = {
        "asked": asked,
        "counted": bulk_replay.count(asked, sites),
        "query": urlencode(asked.to_json()),
        "peers": selectors.peers_for(user),
        "kinds": sorted(MESSAGES),
        "states": [*InboundMessage.STATES, ("attention", "To mend")],
        "jobs": selectors.replay_jobs(user)[:20],
    }
    return render(request, "hl7/replays.html", context)


@require_safe
@page(Can.SEE_MESSAGES)
def show_replay(request: HttpRequest, job_id: int) -> HttpResponse:
    """How far a replay is. The page reloads itself while it runs."""
    user = user_of(request)
    job = selectors.replay_job(user, job_id)
    may_mend = Can.MEND_MESSAGES in permissions_of(user)
    context = {"job": job, "asked": sorted(job.asked.items()), "may_mend": may_mend}
    return render(request, "hl7/replay_job.html", context)


@require_POST
@page(Can.MEND_MESSAGES)
def halt_replay(request: HttpRequest, job_id: int) -> HttpResponse:
    """Stop it, with a reason."""
    job = selectors.replay_job(user_of(request), job_id)
    reason = request.POST.get("reason", "").strip()[:250]
    bulk_replay.halt(job.pk, reason=reason, actor=actor_of(request), at=now())
    return go(request, reverse("hl7:replay-job", args=[job.pk]), "Stopped. What was taken again stays.")


@require_POST
@page(Can.MEND_MESSAGES)
def resume_replay(request: HttpRequest, job_id: int) -> HttpResponse:
    """Go on where it was stopped."""
    job = selectors.replay_job(user_of(request), job_id)
    bulk_replay.go_on(job.pk, actor=actor_of(request), at=now())
    return go(request, reverse("hl7:replay-job", args=[job.pk]), "It goes on.")
