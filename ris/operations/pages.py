"""After a downtime: what was scheduled meanwhile and is not entered yet."""

from __future__ import annotations

from datetime import timedelta

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from ris.audit.services import record_shown
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import read_moment
from ris.orders.selectors import steps_for
from ris.orders.states import WAITING
from ris.people.http import actor_of, page, user_of
from ris.people.roles import Can

USUAL = timedelta(hours=8)
LONGEST = timedelta(days=14)


@require_safe
@page(Can.PERFORM_EXAMS, Can.PLACE_ORDERS)
def back_entry(request: HttpRequest) -> HttpResponse:
    """Steps that should have begun between two moments (by the reader's clock) and still wait, by time. Audited."""
    at = now()
    until = read_moment(request.GET["until"], at="until") if request.GET.get("until") else at
    since = read_moment(request.GET["since"], at="since") if request.GET.get("since") else until - USUAL
    if not since < until <= since + LONGEST:
        raise Invalid("Give a begin before the end, at most 14 days apart.", at="since")
    steps = steps_for(user_of(request)).filter(state__in=WAITING, start__gte=since, start__lt=until)
    shown = Paginator(steps, 100).get_page(request.GET.get("page"))
    waiting = ((step, step.procedure.order.patient_id) for step in shown)
    record_shown(actor_of(request), "step.view", waiting, at=at)
    local = {name: timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M") for name, moment in
             (("since", since), ("until", until))}  # fmt: skip
    return render(request, "downtime/back_entry.html", {"page": shown, **local})
