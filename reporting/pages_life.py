"""What becomes of reports beside writing them: taken back, or left unsigned."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden
from ris.kernel.values import read_id
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of
from worklist import selectors as worklist
from worklist.models import ReadingItem

from . import selectors, services
from .drafts.selectors import unsigned_drafts, visible_texts
from .models import RETRACTIONS


@require_http_methods(["GET", "POST"])
@page(Can.RETRACT_REPORTS)
def retract(request: HttpRequest, report_id: int) -> HttpResponse:
    """Take a whole report back, for a cause and a reason; the exam is read again where that is wanted."""
    user, at = user_of(request), now()
    report = selectors.report_for(user, report_id)
    order = report.procedure.order
    if request.method == "POST":
        services.retract(
            report.pk, reader=user, cause=request.POST.get("cause", ""), reason=request.POST.get("reason", ""),
            read_again=request.POST.get("read_again") == "1", only=request.POST.get("only") == "1",
            actor=actor_of(request), at=at,
        )  # fmt: skip
        done = "The report is retracted. Who was told of it is told so."
        return go(request, reverse("reporting:result", args=[report.pk]), done)
    if not selectors.may_retract(user, report):
        raise Conflict("Nothing of this report stands that could be retracted.")
    record(actor_of(request), "report.view", report, patient_id=order.patient_id, at=at)
    context = {"report": report, "order": order, "patient": order.patient, "causes": RETRACTIONS,
               "common": selectors.common_exams(report)}  # fmt: skip
    return render(request, "reporting/retract.html", context)


@require_POST
@page(Can.READ_CASES)
def common(request: HttpRequest, item_id: int, how: str) -> HttpResponse:
    """Have the text of a case cover linked exams (``exam``; without it, all that are held along), or one no more."""
    user, at = user_of(request), now()
    item = worklist.item_for(user, item_id)
    act = services.cover if how == "cover" else services.split_off
    for exam in _exams_of(request, item):
        act(item.pk, exam, reader=user, actor=actor_of(request), at=at)
    done = "The text covers them all." if how == "cover" else "Split off: it has a draft of its own."
    return go(request, reverse("reporting:room", args=[item.pk]), done)


def _exams_of(request: HttpRequest, item: ReadingItem) -> list[int]:
    if "exam" in request.POST:
        return [read_id(request.POST["exam"], at="exam")]
    covered = selectors.covered_items(item)
    exams = [other.pk for other in worklist.held_along(item) if other.pk not in covered]
    if not exams:
        raise Conflict("No other exam of this patient is yours at the moment.", code="no-linked-exam")
    return exams


@require_safe
@page(Can.READ_CASES)
def drafts(request: HttpRequest) -> HttpResponse:
    """Words that nobody signed: one's own drafts and texts; for a lead (``whose=all``) everybody's drafts."""
    user = user_of(request)
    leads = Can.LEAD_READING in permissions_of(user)
    everybody = request.GET.get("whose") == "all"
    if everybody and not leads:
        raise Forbidden("Drafts of others are for who leads reading.", code="role")
    record(actor_of(request), "drafts.view", user, at=now())
    context = {
        "drafts": unsigned_drafts(user, everybody=everybody)[:200], "leads": leads, "everybody": everybody,
        "texts": visible_texts(user).filter(author=user)[:200], "viewer": user,
    }  # fmt: skip
    return render(request, "reporting/drafts.html", context)
