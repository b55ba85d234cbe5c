"""Results: released reports, for those who wait for them; and what becomes of final ones."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.orders.result_delivery import list_deliveries, summarize
from ris.people.http import STATUS, actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from . import selectors, services, states
from .checks import SECTIONS, Text, remarks_to_answer
from .drafts.pages import words_key
from .models import CRITICAL_LEVELS, Report
from .pages import FIELDS, revision_read, texts_in
from .referrers.selectors import unseen_among
from .referrers.services import mark_seen
from .release.selectors import may_decide, release_of
from .rendering.content import critical_of, holding
from .rendering.pdf import render_pdf


@require_POST
@page(Can.SIGN_REPORTS)
def addendum(request: HttpRequest, report_id: int) -> HttpResponse:
    """Add to a final report."""
    user = user_of(request)
    report = selectors.report_for(user, report_id)
    text = request.POST.get("text", "").replace("\r\n", "\n")
    critical = {"critical_level": request.POST.get("critical_level", ""),
                "critical_finding_text": request.POST.get("critical_finding", "")}  # fmt: skip
    services.add_addendum(report.pk, reader=user, text=text, actor=actor_of(request), at=now(),
                          only=request.POST.get("only") == "1", **critical)  # fmt: skip
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
    reports = selectors.released(selectors.visible_reports(user))
    text = request.GET.get("accession", "").strip()
    if text:
        reports = reports.filter(item__accession__istartswith=text)
    reports = reports.select_related("item__site", "procedure").order_by("-item__finished_at", "-pk")
    record(actor_of(request), "results.view", user, at=now())
    shown = Paginator(reports, 50).get_page(request.GET.get("page"))
    deliveries = list_deliveries(report.procedure_id for report in shown)
    rows = [(report, sent := deliveries[report.procedure_id], summarize(sent)) for report in shown]
    context = {"page": shown, "rows": rows, "text": text, "unseen": unseen_among(user, [report.pk for report in shown])}
    return render(request, "reporting/results.html", context)


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
    versions = list(selectors.versions_for(user, report))
    if not versions:
        raise NotFound("Nothing was released of this report yet.")
    last, cans = versions[-1], permissions_of(user)
    mark_seen(user, report, last, at=now())
    return {
        "report": report, "order": order, "patient": order.patient, "versions": versions, "last": last,
        "shown": holding(last), "critical": critical_of(last), "final": report.state == states.FINAL,
        "intact": services.broken_version(report) is None, "may_correct": selectors.may_correct(user, report),
        "may_retract": selectors.may_retract(user, report), "retracted": last.kind == last.RETRACTED,
        "deliveries": list_deliveries([report.procedure_id])[report.procedure_id],
        "sees_messages": Can.SEE_MESSAGES in cans, "sees_item": Can.SEE_WORKLIST in cans,
        "common": selectors.common_exams(report), "may_read": Can.READ_CASES in cans,
        "release": release_of(report), "may_decide": may_decide(user, report),
    }  # fmt: skip


@require_safe
@page(Can.SEE_REPORTS)
def pdf(request: HttpRequest, report_id: int) -> HttpResponse:
    """The report as it was released last, on paper. Audited."""
    released = _released(request, report_id)
    report = released["report"]
    record(actor_of(request), "report.pdf", report, patient_id=released["patient"].pk, at=now())
    name = f"report-{report_id}-{released['last'].number}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(render_pdf(released["last"]), content_type="application/pdf", headers=headers)


@require_http_methods(["GET", "POST"])
@page(Can.SIGN_REPORTS)
def correct(request: HttpRequest, report_id: int) -> HttpResponse:
    """Correct a final report. What is refused is shown with all that was typed, and a place for each override."""
    user, at = user_of(request), now()
    report = selectors.correctable(user, report_id)
    record(actor_of(request), "report.view", report, patient_id=report.procedure.order.patient_id, at=at)
    context: dict[str, Any] = {"typed": {name: getattr(report, name) for name in (*SECTIONS, *services.CRITICAL)},
                               "revision": report.revision, "reason": ""}  # fmt: skip
    status = 200
    if request.method == "POST":
        typed, reason = texts_in(request), request.POST.get("reason", "")
        overrides = {name[9:]: str(given) for name, given in request.POST.items() if name.startswith("override:")}
        try:
            services.correct(report.pk, reader=user, revision=revision_read(request), sections=typed, reason=reason,
                             overrides=overrides, actor=actor_of(request), at=at)  # fmt: skip
            notice = "The correction is signed, and sent to all who were told of the report."
            return go(request, reverse("reporting:result", args=[report.pk]), notice)
        except (Invalid, Conflict) as refusal:
            status = STATUS[Conflict if isinstance(refusal, Conflict) else Invalid]
            context = {"typed": typed, "revision": revision_read(request), "reason": reason, "refusal": refusal,
                       "remarks": _open_remarks(report, typed, overrides)}  # fmt: skip
    context |= {"words_key": words_key(user), **_correctable(report)}
    return render(request, "reporting/correct.html", context, status=status)


def _correctable(report: Report) -> dict[str, Any]:
    order = report.procedure.order
    return {"report": report, "item": report.item, "order": order, "patient": order.patient, "labels": FIELDS,
            "levels": CRITICAL_LEVELS}  # fmt: skip


def _open_remarks(report: Report, typed: dict[str, str], overrides: dict[str, str]) -> list[dict[str, str]]:
    text = Text(**{name: typed.get(name, "") for name in SECTIONS})
    return [
        {"check": r.check, "sentence": r.sentence, "reason": overrides.get(r.check, "")}
        for r in remarks_to_answer(text, selectors.facts_of(report))
    ]
