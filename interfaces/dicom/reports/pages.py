"""Reports on their way to archives, on screen: how far each is, what went wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.values import id_or_none
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import states
from ..models import ReportRoute, ReportSend
from . import services
from .selectors import send_for, sends_for, waiting_for

ROWS = 100
STATES = [states.QUEUED, states.SENT, states.SKIPPED]


@require_safe
@page(Can.SEE_MESSAGES)
def sends(request: HttpRequest) -> HttpResponse:
    """Newest first, by state. By id, not by page number, which would count every report first."""
    user = user_of(request)
    chosen, before = request.GET.get("state", ""), id_or_none(request.GET.get("before", ""))
    shown = sends_for(user)
    if chosen:
        shown = shown.filter(state=chosen)
    if before:
        shown = shown.filter(pk__lt=before)
    rows = list(shown[: ROWS + 1])
    record(actor_of(request), "reports-out.view", user, at=now())
    context = {
        "rows": rows[:ROWS],
        "older": rows[ROWS - 1].pk if len(rows) > ROWS else None,
        "state": chosen,
        "states": STATES,
        "owed": waiting_for(user),
        "routes": ReportRoute.objects.filter(enabled=True, archive__enabled=True).exists(),
        "may_mend": Can.MEND_MESSAGES in permissions_of(user),
    }
    return render(request, "dicom/reports.html", context)


@require_POST
@page(Can.MEND_MESSAGES)
def resend(request: HttpRequest, send_id: int) -> HttpResponse:
    """Send it (again), with a reason."""
    return _mend(request, send_id, services.resend_report, "Queued again.")


@require_POST
@page(Can.MEND_MESSAGES)
def skip(request: HttpRequest, send_id: int) -> HttpResponse:
    """Give it up, with a reason."""
    return _mend(request, send_id, services.skip_report, "Skipped. What comes after it goes on.")


def _mend(request: HttpRequest, send_id: int, service: Callable[..., ReportSend], message: str) -> HttpResponse:
    send = send_for(user_of(request), send_id, Can.MEND_MESSAGES)
    service(send.pk, reason=request.POST.get("reason", ""), actor=actor_of(request), at=now())
    return go(request, reverse("dicom:reports"), message)
