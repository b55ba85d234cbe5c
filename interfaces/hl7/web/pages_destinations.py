"""A destination on screen: what it gets and how it stands, and telling it of what happened before it was there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.people.edge import actor_of, user_of
from ris.people.http import go, page
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import selectors
from ..models import BackFill
from ..operations.message_filter import MessageFilter
from ..outbound import backfill
from ..outbound.triggers import KINDS


@require_safe
@page(Can.SEE_MESSAGES)
def destination(request: HttpRequest, destination_id: int) -> HttpResponse:
    """What it wants and what waits for it. With ``since`` and ``until``: what a back-fill would queue, counted."""
    user = user_of(request)
    one = selectors.destination_for(user, destination_id)
    record(actor_of(request), "destination.view", one, at=now())
    asked, counted = MessageFilter.from_values(request.GET), None
    may_mend = Can.MEND_MESSAGES in permissions_of(user)
    if may_mend and asked.since and asked.until:
        counted = backfill.count(one.pk, since=asked.since, until=asked.until, most=backfill.LOOKED_AT)
    context = {
        "to": one, "kinds": [(kind, KINDS.get(kind, "")) for kind in one.kinds], "profiles": one.profiles.all(),
        "queue": next(queue for queue in selectors.queues(user) if queue.destination.pk == one.pk),
        "asked": asked, "counted": counted, "may_mend": may_mend, "back_fills": one.back_fills.all()[:20],
    }  # fmt: skip
    return render(request, "hl7/destination.html", context)


@require_POST
@page(Can.MEND_MESSAGES)
def back_fill(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Start, with a reason."""
    one = selectors.destination_for(user_of(request), destination_id)
    asked = MessageFilter.from_values(request.POST)
    if asked.since is None or asked.until is None:
        raise Invalid("Say from when to when.", at="since")
    reason = request.POST.get("reason", "").strip()[:250]
    backfill.start(one.pk, since=asked.since, until=asked.until, reason=reason, actor=actor_of(request), at=now())
    return go(request, reverse("hl7:destination", args=[one.pk]), "Started. It goes on by itself.")


@require_POST
@page(Can.MEND_MESSAGES)
def halt(request: HttpRequest, destination_id: int, job_id: int) -> HttpResponse:
    """Stop one, with a reason."""
    one = selectors.destination_for(user_of(request), destination_id)
    job = selectors.one_of(BackFill.objects.filter(destination=one), job_id)
    backfill.halt(job.pk, reason=request.POST.get("reason", "").strip()[:250], actor=actor_of(request), at=now())
    return go(request, reverse("hl7:destination", args=[one.pk]), "Stopped. What was queued stays.")
