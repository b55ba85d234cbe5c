"""A supervisor gives a report back; a discrepancy is read and acknowledged."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from worklist import selectors as worklist

from .. import services
from .selectors import notices_for


@require_POST
@page(Can.SIGN_REPORTS)
def send_back(request: HttpRequest, item_id: int) -> HttpResponse:
    """Give a trainee's preliminary report back, with what is to be revised."""
    item = worklist.item_for(user_of(request), item_id)
    services.return_report(
        item.pk, reader=user_of(request), note=request.POST.get("reason", ""), actor=actor_of(request), at=now()
    )
    return go(request, reverse("worklist:list"), "Returned. The case waits for its author.")


@require_safe
@page(Can.SEE_REPORTS)
def discrepancies(request: HttpRequest) -> HttpResponse:
    """Notices of discrepancies to the viewer: those that wait first. Audited."""
    user = user_of(request)
    record(actor_of(request), "discrepancies.view", user, at=now())
    return render(request, "reporting/discrepancies.html", {"notices": notices_for(user)[:200], "viewer": user})


@require_POST
@page(Can.SEE_REPORTS)
def acknowledge(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Say that a notice was read, or that its provider was told."""
    services.acknowledge_notice(notice_id, reader=user_of(request), actor=actor_of(request), at=now())
    return go(request, reverse("reporting:discrepancies"), "Acknowledged.")
