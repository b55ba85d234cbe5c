"""Follow-up recommendations: their card in the room, and the list of who sees to them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record, record_shown
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import day_or_none, id_or_none
from ris.people.http import actor_of, go, page, toast, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of
from worklist import selectors as worklist
from worklist.models import ReadingItem

from ..models import FollowUp, TextDraft
from ..selectors import report_of_item
from ..services.unsent_texts import close_texts
from ..states import FINAL
from . import selectors
from .matching import decide_match
from .services import close_follow_up, reject_offer, remove_draft, save_follow_up

SHOWN = (
    ("overdue", "Overdue"), ("proposed", "Exam found"), ("open", "Open"), ("done", "Done"), ("closed", "Closed"),
    ("all", "All"),
)  # fmt: skip
FIELDS = ("kind", "what", "modality", "region", "condition", "reason", "owner", "source", "quote")


def _card(request: HttpRequest, item: ReadingItem) -> HttpResponse:
    user = user_of(request)
    report = report_of_item(user, item.pk)
    signs = Can.SIGN_REPORTS in permissions_of(user)
    may_write = signs if report and report.state == FINAL else item.reader_id == user.pk
    context = {
        "may_write": may_write,
        "item": item, "follow_ups": selectors.follow_ups_of(report), "offers": selectors.offers_for(report),
        "owners": FollowUp.OWNERS, "kinds": FollowUp.KINDS, "report": report,
    }  # fmt: skip
    return render(request, "reporting/follow_up_card.html", context)


@require_http_methods(["GET", "POST"])
@page(Can.READ_CASES)
def card(request: HttpRequest, item_id: int) -> HttpResponse:
    """The recommendations of a case, and what its impression offers; POST writes one (``follow_up``: changes it)."""
    item = worklist.item_for(user_of(request), item_id)
    if request.method == "GET":
        return _card(request, item)
    given: dict[str, Any] = {name: request.POST.get(name, "") for name in FIELDS}
    for name in ("earliest", "latest"):
        text = request.POST.get(name, "")
        given[name] = day_or_none(text)
        if text.strip() and given[name] is None:
            raise Invalid("Give a day such as 2026-09-30.", at=name)
    save_follow_up(item.pk, given, follow_up_id=id_or_none(request.POST.get("follow_up", "")), reader=user_of(request),
                   actor=actor_of(request), at=now())  # fmt: skip
    if given["source"] == "form":
        close_texts(item.pk, author=user_of(request), kind=TextDraft.NOTE, at=now())
    return toast(_card(request, item), "Kept as a follow-up.")


@require_POST
@page(Can.READ_CASES)
def reject(request: HttpRequest, item_id: int) -> HttpResponse:
    """A sentence that was offered is no recommendation."""
    item = worklist.item_for(user_of(request), item_id)
    reject_offer(item.pk, request.POST.get("quote", ""), reader=user_of(request), actor=actor_of(request), at=now())
    return _card(request, item)


@require_POST
@page(Can.READ_CASES)
def remove(request: HttpRequest, item_id: int, follow_up_id: int) -> HttpResponse:
    """Take a recommendation out of the draft."""
    item = worklist.item_for(user_of(request), item_id)
    remove_draft(item.pk, follow_up_id, reader=user_of(request), actor=actor_of(request), at=now())
    return _card(request, item)


@require_safe
@page(Can.SEE_REPORTS, Can.LEAD_READING)
def follow_ups(request: HttpRequest) -> HttpResponse:
    """Recommendations to see to: of a site for who reads or leads there, else of one's own orders. Audited."""
    user, at = user_of(request), now()
    show = request.GET.get("show", "overdue")
    owner, modality = request.GET.get("owner", ""), request.GET.get("modality", "").strip().upper()
    rows = selectors.listed_follow_ups(
        user, at=at, show=show, owner=owner, modality=modality, only=id_or_none(request.GET.get("only", ""))
    )
    shown = Paginator(rows, 50).get_page(request.GET.get("page"))
    record_shown(
        actor_of(request), "follow-up.view", ((row, row.report.procedure.order.patient_id) for row in shown), at=at
    )
    record(actor_of(request), "follow-up.list", user, at=at, show=show)
    context = {
        "page": shown, "show": show, "owner": owner, "modality": modality, "shown": SHOWN, "today": at.date(),
        "query": urlencode({"show": show, "owner": owner, "modality": modality}) + "&",
        "owners": FollowUp.OWNERS, "reasons": FollowUp.REASONS, "kept": selectors.closed_share(user, at=at),
    }  # fmt: skip
    return render(request, "reporting/follow_ups.html", context)


@require_POST
@page(Can.SEE_REPORTS, Can.LEAD_READING)
def close(request: HttpRequest, follow_up_id: int) -> HttpResponse:
    """Close one with a reason."""
    close_follow_up(follow_up_id, reason=request.POST.get("close_reason", ""), note=request.POST.get("note", ""),
                    by=user_of(request), actor=actor_of(request), at=now())  # fmt: skip
    return go(request, reverse("reporting:follow-ups"), "Closed.")


@require_POST
@page(Can.SEE_REPORTS, Can.LEAD_READING)
def match(request: HttpRequest, match_id: int) -> HttpResponse:
    """An exam that was found is what was recommended (``keep`` 1), or is not."""
    keep = request.POST.get("keep") == "1"
    decide_match(match_id, keep=keep, by=user_of(request), actor=actor_of(request), at=now())
    return go(request, reverse("reporting:follow-ups") + "?show=proposed", "Noted.")
