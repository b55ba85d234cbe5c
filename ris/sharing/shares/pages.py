"""Shares for the people here: made, listed with who looked, revoked."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.values import number_or_none
from ris.people.http import STATUS, actor_of, go, page, user_of
from ris.people.roles import Can

from ..models import Share, limits_of
from .links import link_of, send_link
from .selectors import (
    refuse_unshared,
    share_for,
    shareable_of_order,
    shareable_report,
    standing_of,
    visible_shares,
    with_standing,
)
from .services import NewShare, ShareIntent, make_share, revoke_share

USUAL_DAYS, USUAL_VIEWS = 7, 3


@require_safe
@page(Can.SHARE_REPORTS)
def of_order(request: HttpRequest, order_id: int) -> HttpResponse:
    """The final reports of an order, to choose which to share. Audited."""
    order, reports = shareable_of_order(user_of(request), order_id)
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    return render(request, "sharing/of_order.html", {"order": order, "patient": order.patient, "reports": reports})


@require_http_methods(["GET", "POST"])
@page(Can.SHARE_REPORTS)
def new(request: HttpRequest, report_id: int) -> HttpResponse:
    """Share a report: a form; then link and PIN, which are shown this once. Audited."""
    report, status, refusal = shareable_report(user_of(request), report_id), 200, None
    order = report.procedure.order
    if request.method == "POST":
        try:
            return _made(request, make_share(report_id, _intent(request), maker=user_of(request),
                                             actor=actor_of(request), at=now()))  # fmt: skip
        except (Invalid, Conflict) as refused:
            status, refusal = STATUS[type(refused)], refused
    record(actor_of(request), "share.view-form", report, patient_id=order.patient_id, at=now())
    context = {
        "report": report, "order": order, "patient": order.patient, "limits": limits_of(report.item.site),
        "audiences": Share.AUDIENCES, "parts": Share.PARTS, "factors": Share.FACTORS, "refusal": refusal,
        "typed": request.POST, "chosen": request.POST.getlist("parts") or [Share.REPORT], "days": USUAL_DAYS,
        "views": USUAL_VIEWS, "unreleased": _is_unreleased(report),
    }  # fmt: skip
    return render(request, "sharing/new.html", context, status=status)


def _is_unreleased(report: Any) -> bool:
    try:
        refuse_unshared(report, Share.PATIENT)
    except Conflict:
        return True
    return False


def _intent(request: HttpRequest) -> ShareIntent:
    given = {name: request.POST.get(name, "") for name in ("audience", "recipient", "factor", "contact")}
    days, views = (number_or_none(request.POST.get(name, ""), most=9999) or 0 for name in ("days", "most_views"))
    return ShareIntent(parts=tuple(request.POST.getlist("parts")), days=days, most_views=views, **given)


def _made(request: HttpRequest, made: NewShare) -> HttpResponse:
    mailed = send_link(made.share, made.token) if made.share.contact else None
    report = made.share.report
    context = {"share": made.share, "link": link_of(made.token), "pin": made.pin, "mailed": mailed, "report": report,
               "patient": report.procedure.order.patient}  # fmt: skip
    return render(request, "sharing/made.html", context, status=201)


@require_safe
@page(Can.SHARE_REPORTS, Can.SEE_AUDIT, Can.LEAD_READING)
def shares(request: HttpRequest) -> HttpResponse:
    """One's own shares; for privacy officers and leads those of their sites, too. Audited."""
    user, at = user_of(request), now()
    record(actor_of(request), "shares.view", user, at=at)
    shown = Paginator(visible_shares(user), 50).get_page(request.GET.get("page"))
    return render(
        request, "sharing/shares.html", {"page": shown, "rows": list(with_standing(shown.object_list, at=at))}
    )


@require_safe
@page(Can.SHARE_REPORTS, Can.SEE_AUDIT, Can.LEAD_READING)
def share(request: HttpRequest, share_id: int) -> HttpResponse:
    """One share and everybody who tried it. Audited."""
    shown, at = share_for(user_of(request), share_id), now()
    record(actor_of(request), "share.view-log", shown, patient_id=shown.report.procedure.order.patient_id, at=at)
    context = {"share": shown, "standing": standing_of(shown, at=at), "log": shown.log.all()[:500],
               "labels": dict(Share.PARTS)}  # fmt: skip
    return render(request, "sharing/share.html", context)


@require_POST
@page(Can.SHARE_REPORTS, Can.SEE_AUDIT, Can.LEAD_READING)
def revoke(request: HttpRequest, share_id: int) -> HttpResponse:
    """End a share now."""
    revoke_share(user_of(request), share_id, reason=request.POST.get("reason", ""), actor=actor_of(request), at=now())
    return go(request, reverse("sharing:share", args=[share_id]), "The link opens nothing any more.")
