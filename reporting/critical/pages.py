"""Critical findings: open loops and limits for leads, the record of a call in the room, and what who is told sees."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import id_or_none, read_moment, read_number
from ris.people.http import actor_of, go, page, toast, user_of, zone_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for
from worklist import selectors as worklist
from worklist.models import ReadingItem

from ..drafts.pages import refuse_another_author
from ..models import CRITICAL_LEVELS, Communication, Report, TextDraft
from ..selectors import report_of_item
from ..services.unsent_texts import close_texts
from . import selectors
from .limits import RUNG_NAMES
from .services import record_communication, set_limit


@require_safe
@page(Can.LEAD_READING)
def open_loops(request: HttpRequest) -> HttpResponse:
    """Critical findings that nobody has acknowledged, overdue ones first; and how the limits were kept. Audited."""
    user, at = user_of(request), now()
    loops = list(selectors.open_findings(user)[:200])
    if "X-By-Itself" not in request.headers:
        record(actor_of(request), "critical.list", user, at=at, shown=[loop.pk for loop in loops])
    context = {
        "loops": [{"row": loop, "late": loop.due_at <= at} for loop in loops],
        "kept": selectors.kept_limits(user, at=at, zone=zone_of(user)), "levels": dict(CRITICAL_LEVELS),
    }  # fmt: skip
    return render(request, "reporting/critical_loops.html", context)


@require_http_methods(["GET", "POST"])
@page(Can.LEAD_READING)
def limits(request: HttpRequest) -> HttpResponse:
    """Within how many minutes each level must be acknowledged, by site."""
    user = user_of(request)
    if request.method == "POST":
        site = sites_for(user, Can.LEAD_READING).filter(pk=id_or_none(request.POST.get("site", "")) or 0).first()
        if site is None:
            raise NotFound("There is no such site among yours.")
        minutes = read_number(request.POST.get("minutes", ""), at="minutes", least=1)
        set_limit(site, request.POST.get("level", ""), minutes, by=user, actor=actor_of(request), at=now())
        return go(request, reverse("reporting:critical-limits"), "Saved. Open findings keep the limit they had.")
    context = {"sites": selectors.limits_of(user), "levels": CRITICAL_LEVELS}
    return render(request, "reporting/critical_limits.html", context)


def room_context(viewer: User, item: ReadingItem, report: Report | None) -> dict[str, Any]:
    """What the room shows of critical findings and of who was told."""
    return {
        "loops": selectors.loops_of(report), "communications": selectors.communications_of(report),
        "rungs": RUNG_NAMES, "hows": Communication.HOWS, "listed": selectors.listed_findings(item.site_id),
    }  # fmt: skip


@require_safe
@page(Can.READ_CASES)
def state_of_case(request: HttpRequest, item_id: int) -> HttpResponse:
    """The loops and records of one case, as a part of the room that asks for it again."""
    user = user_of(request)
    item = worklist.item_for(user, item_id)
    context = room_context(user, item, report_of_item(user, item.pk))
    return render(request, "reporting/critical_state.html", context | {"item": item})


@require_POST
@page(Can.READ_CASES)
def communicate(request: HttpRequest, item_id: int) -> HttpResponse:
    """Record who was told of the case's result. Answers with what is recorded now."""
    user, at = user_of(request), now()
    item = worklist.item_for(user, item_id)
    report = report_of_item(user, item.pk)
    if report is None:
        raise NotFound("Claim the case first: a record belongs to its report.")
    refuse_another_author(request)
    record_communication(
        report.pk, teller=user, receiver=request.POST.get("receiver", ""),
        receiver_role=request.POST.get("receiver_role", ""), told_at=_told_at(request, at),
        how=request.POST.get("how", ""), read_back=request.POST.get("read_back") == "yes",
        note=request.POST.get("note", ""), actor=actor_of(request), at=at,
    )  # fmt: skip
    close_texts(item.pk, author=user, kind=TextDraft.COMMUNICATION, at=at)
    context = room_context(user, item, report) | {"item": item, "order": item.procedure.order}
    return toast(render(request, "reporting/critical_state.html", context), "Recorded.")


def _told_at(request: HttpRequest, at: datetime) -> datetime:
    """When the receiver was told: the field, in the viewer's zone; empty is now."""
    given = request.POST.get("told_at", "").strip()
    if not given:
        return at
    if len(given) == 5 and given[2] == ":":
        given = f"{timezone.localdate():%Y-%m-%d}T{given}"
    return read_moment(given, at="told_at")
