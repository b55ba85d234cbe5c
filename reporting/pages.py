"""The reading room: a case, what is known of it, and its report. And results, for those who wait for them."""

from __future__ import annotations

import json
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.people.edge import actor_of, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require
from ris.people.web import go, page
from worklist import selectors as worklist
from worklist import services as worklist_services
from worklist.models import ReadingItem
from worklist.states import CLAIMED

from . import selectors, services, states
from .checks import SECTIONS, Text, remarks
from .models import Report
from .priors import priors_of

FIELDS = (
    ("technique", "Technique", "f2"),
    ("comparison", "Comparison", "f3"),
    ("findings", "Findings", "f4"),
    ("impression", "Impression", "f6"),
)


@require_safe
@page(Can.SEE_WORKLIST)
def room(request: HttpRequest, item_id: int) -> HttpResponse:
    """One case: order and priors at the left, the report in the middle, priors at the right. Audited."""
    user = user_of(request)
    item = worklist.item_for(user, item_id)
    order = item.procedure.order
    sees = Can.SEE_REPORTS in permissions_of(user)
    report = selectors.report_of_item(user, item_id) if sees else None
    record(actor_of(request), "item.view", item, patient_id=order.patient_id, at=now())
    context = {
        "item": item, "order": order, "patient": order.patient, "visit": order.visit, "viewer": user,
        "report": report, "versions": list(selectors.versions_of(report)) if report else [],
        "priors": list(priors_of(user, item)[:40]), "fields": _fields(report), **_standing(user, item),
    }  # fmt: skip
    return render(request, "reporting/room.html", context)


def _fields(report: Report | None) -> list[dict[str, str]]:
    return [
        {"name": name, "label": label, "key": key, "text": getattr(report, name) if report else ""}
        for name, label, key in FIELDS
    ]


def _standing(user: User, item: ReadingItem) -> dict[str, bool]:
    cans = permissions_of(user)
    return {
        "mine": item.state == CLAIMED and item.reader_id == user.pk,
        "may_read": Can.READ_CASES in cans,
        "may_sign": Can.SIGN_REPORTS in cans,
    }


@require_safe
@page(Can.SEE_WORKLIST)
def standing(request: HttpRequest, item_id: int) -> HttpResponse:
    """Is the case still mine? Asked when the live line says that it changed."""
    user = user_of(request)
    item = worklist.item_for(user, item_id)
    order = item.procedure.order
    holder = item.reader.display_name if item.reader else ""
    return JsonResponse({"state": item.state, "holder": holder, **_standing(user, item),
                         "order": order.version, "patient": order.patient.version})  # fmt: skip


@require_POST
@page(Can.READ_CASES)
def draft(request: HttpRequest, item_id: int) -> HttpResponse:
    """Autosave. Refused, with nothing overwritten, when the draft was changed elsewhere or is held no more."""
    sections = {name: request.POST[name] for name in SECTIONS if name in request.POST}
    report = services.save_draft(item_id, reader=user_of(request), revision=_revision(request), sections=sections,
                                 actor=actor_of(request), at=now())  # fmt: skip
    return JsonResponse({"revision": report.revision, "saved_at": report.saved_at})


@require_POST
@page(Can.READ_CASES)
def heartbeat(request: HttpRequest, item_id: int) -> HttpResponse:
    """The page is open and somebody is at it: the claim lives on."""
    item = worklist.item_for(user_of(request), item_id)
    held = worklist_services.extend_lease(item.pk, reader=user_of(request), at=now())
    return JsonResponse({"held": held})


@require_POST
@page(Can.READ_CASES)
def release(request: HttpRequest, item_id: int, how: str) -> HttpResponse:
    """Sign, or release as preliminary; then the next case, if wanted.

    422 lists what the checks have to say and wants a reason for each (``overrides``, JSON).
    """
    user, at = user_of(request), now()
    if how == "sign":
        require(user, Can.SIGN_REPORTS)
    item = worklist.item_for(user, item_id)
    overrides = _overrides(request)
    report = selectors.report_of_item(user, item_id)
    open_remarks = [r for r in remarks(_text(report)) if not overrides.get(r.check, "").strip()] if report else []
    if open_remarks:
        said = [{"check": r.check, "section": r.section, "sentence": r.sentence} for r in open_remarks]
        return JsonResponse({"remarks": said}, status=422)
    act = services.sign if how == "sign" else services.sign_preliminary
    act(item_id, reader=user, revision=_revision(request), overrides=overrides, actor=actor_of(request), at=at)
    done = f"{'Signed' if how == 'sign' else 'Released as preliminary'}: {item.procedure}, {item.accession}."
    return _onward(request, user, done)


def _onward(request: HttpRequest, user: User, done: str) -> HttpResponse:
    """Where to after signing: the next case, chosen and claimed at this moment, or the list."""
    following = None
    if request.POST.get("next"):
        try:
            following = worklist_services.next_case(user, actor=actor_of(request), at=now())
        except (Conflict, Forbidden) as refusal:
            done += f" {refusal.detail}"
        else:
            done += "" if following else " No other case waits for you."
    url = reverse("reporting:room", args=[following.pk]) if following else reverse("worklist:list")
    go(request, url, done)
    return JsonResponse({"url": url})


@require_POST
@page(Can.SIGN_REPORTS)
def addendum(request: HttpRequest, report_id: int) -> HttpResponse:
    """Add to a final report."""
    user = user_of(request)
    report = selectors.report_for(user, report_id)
    services.add_addendum(report.pk, reader=user, text=request.POST.get("text", ""), actor=actor_of(request), at=now())
    return go(request, reverse("reporting:room", args=[report.item_id]), "The addendum is signed.")


@require_safe
@page(Can.SEE_REPORTS)
def prior(request: HttpRequest, report_id: int) -> HttpResponse:
    """A prior report's released text, unfolded in the room. Audited."""
    return render(request, "reporting/prior.html", _released(request, report_id))


@require_safe
@page(Can.SEE_REPORTS)
def results(request: HttpRequest) -> HttpResponse:
    """Released reports that the viewer may see, newest first. A referrer: those of their own orders."""
    user = user_of(request)
    found = selectors.visible_reports(user).filter(state__in=selectors.RELEASED)
    text = request.GET.get("accession", "").strip()
    if text:
        found = found.filter(item__accession__istartswith=text)
    found = found.select_related("item__site", "procedure").order_by("-item__finished_at", "-pk")
    record(actor_of(request), "results.view", user, at=now())
    shown = Paginator(found, 50).get_page(request.GET.get("page"))
    return render(request, "reporting/results.html", {"page": shown, "text": text})


@require_safe
@page(Can.SEE_REPORTS)
def result(request: HttpRequest, report_id: int) -> HttpResponse:
    """One report as it was released. Audited."""
    return render(request, "reporting/result.html", _released(request, report_id))


def _released(request: HttpRequest, report_id: int) -> dict[str, Any]:
    user = user_of(request)
    report = selectors.report_for(user, report_id)
    order = report.procedure.order
    record(actor_of(request), "report.view", report, patient_id=order.patient_id, at=now())
    versions = list(selectors.versions_of(report))
    return {
        "report": report, "order": order, "patient": order.patient, "versions": versions,
        "text": next((v for v in reversed(versions) if v.kind != "addendum"), None),
        "addenda": [v for v in versions if v.kind == "addendum"],
        "intact": selectors.broken_version(report) is None, "final": report.state == states.FINAL,
        "sees_item": Can.SEE_WORKLIST in permissions_of(user),
    }  # fmt: skip


def _revision(request: HttpRequest) -> int:
    said = request.POST.get("revision", "")
    if not said.isdigit():
        raise Invalid("The revision that was read is missing.", at="revision")
    return int(said)


def _overrides(request: HttpRequest) -> dict[str, str]:
    try:
        said = json.loads(request.POST.get("overrides", "{}"))
    except json.JSONDecodeError:
        raise Invalid("The overrides are not JSON.", at="overrides") from None
    return {str(name): str(reason) for name, reason in said.items()} if isinstance(said, dict) else {}


def _text(report: Report) -> Text:
    return Text(**{name: getattr(report, name) for name in SECTIONS})
