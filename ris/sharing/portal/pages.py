"""The patients' pages: code or log-in, results, one report with its cover text, who looked, who else sees them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from reporting.rendering.content import STATUS, critical_of, holding
from reporting.rendering.pdf import render_pdf
from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.people.login.adapter import address_of
from ris.privacy.selectors import accesses_of, events_about

from ..models import PortalAccount, PortalGrant
from ..words import page_words
from . import accounts
from .covers import cover_of
from .selectors import grant_of, grants_about, grants_in_force, portal_report, portal_reports
from .session import ACCOUNT, account_of, answer, begin, portal_page

MOST_EVENTS = 5000


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def portal(request: HttpRequest) -> HttpResponse:
    """The door: log in by name and password. Who is logged in goes on to the results."""
    return answer(request, lambda: _door(request))


def _door(request: HttpRequest) -> HttpResponse:
    context = {**page_words(request), "fault": "", "name": ""}
    if request.method == "POST":
        try:
            account = accounts.log_in(request.POST.get("name", ""), request.POST.get("password", ""),
                                      address=address_of(request), at=now())  # fmt: skip
        except Forbidden as refusal:
            key = "throttled" if refusal.code == "throttled" else "wrong_log_in"
            context |= {"fault": context["t"][key], "name": request.POST.get("name", "")[:120]}
            return render(request, "sharing/portal_door.html", context, status=403)
        begin(request, account)
        return HttpResponseRedirect(reverse("sharing:portal-results"))
    if account_of(request) is not None:
        return HttpResponseRedirect(reverse("sharing:portal-results"))
    return render(request, "sharing/portal_door.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """A code from a letter, with the birth date: it makes an account, or adds a patient to the one logged in."""
    return answer(request, lambda: _code(request))


def _code(request: HttpRequest) -> HttpResponse:
    account, typed = account_of(request), request.POST
    context = {**page_words(request), "account": account, "fault": "", "typed": typed}
    if request.method != "POST":
        return render(request, "sharing/portal_code.html", context)
    where, at = address_of(request), now()
    try:
        invitation = accounts.redeem(typed.get("code", ""), typed.get("born", ""), address=where, at=at)
        if account is not None:
            accounts.add_grant(invitation, account, address=where, at=at)
        else:
            account = accounts.make_account(invitation, name=typed.get("name", ""), password=typed.get("password", ""),
                                            address=where, at=at)  # fmt: skip
            begin(request, account)
    except Forbidden as refusal:
        context["fault"] = context["t"]["throttled" if refusal.code == "throttled" else "wrong"]
        return render(request, "sharing/portal_code.html", context, status=403)
    except (Invalid, Conflict) as refusal:
        context["fault"] = refusal.detail
        return render(request, "sharing/portal_code.html", context, status=400)
    return HttpResponseRedirect(reverse("sharing:portal-results"))


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """End the session of the portal; somebody of the house stays logged in."""
    if ACCOUNT in request.session:
        request.session.flush()
    return HttpResponseRedirect(reverse("sharing:portal"))


@require_safe
@portal_page
def results(request: HttpRequest, account: PortalAccount) -> HttpResponse:
    """Released reports, by patient. Audited for each patient."""
    at, words = now(), page_words(request)
    reports = list(portal_reports(account, at=at)[:500])
    people = []
    for grant, patient in grants_in_force(account, at=at):
        mine = [report for report in reports if report.procedure.order.patient_id == patient.pk]
        people.append({"grant": grant, "patient": patient, "reports": mine, "as": words["t"][grant.kind]})
        record(accounts.actor_of_account(account, address_of(request)), "portal.view", patient, patient_id=patient.pk,
               at=at, reports=len(mine))  # fmt: skip
    return render(request, "sharing/portal_results.html", {**words, "account": account, "people": people})


@require_safe
@portal_page
def report(request: HttpRequest, account: PortalAccount, report_id: int) -> HttpResponse:
    """One report with its cover text. Audited as ``report.view``."""
    shown = portal_report(account, report_id, at=now())
    last = shown.versions.order_by("-number").first()
    assert last is not None  # what is open to a patient was released
    words, patient = page_words(request), shown.procedure.order.patient
    record(accounts.actor_of_account(account, address_of(request)), "report.view", shown, patient_id=patient.pk,
           at=now(), version=last.number)  # fmt: skip
    context = {
        **words, "account": account, "report": shown, "patient": patient, "last": last, "shown": holding(last),
        "critical": critical_of(last), "cover": cover_of(last, words["language"]), "state": STATUS[last.kind],
    }  # fmt: skip
    return render(request, "sharing/portal_report.html", context)


@require_safe
@portal_page
def pdf(request: HttpRequest, account: PortalAccount, report_id: int) -> HttpResponse:
    """The report as a file. Audited as ``report.pdf``."""
    shown = portal_report(account, report_id, at=now())
    last = shown.versions.order_by("-number").first()
    assert last is not None
    patient_id = shown.procedure.order.patient_id
    record(accounts.actor_of_account(account, address_of(request)), "report.pdf", shown, patient_id=patient_id,
           at=now())  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="report-{report_id}.pdf"'}
    return HttpResponse(render_pdf(last), content_type="application/pdf", headers=headers)


@require_safe
@portal_page
def who_looked(request: HttpRequest, account: PortalAccount, patient_id: int) -> HttpResponse:
    """A patient's access report, by person and purpose, and who else sees the results. Audited as ``audit.view``."""
    at = now()
    grant, patient = grant_of(account, patient_id, at=at)
    events = list(events_about(patient)[:MOST_EVENTS])
    record(accounts.actor_of_account(account, address_of(request)), "audit.view", patient, patient_id=patient.pk, at=at)
    others = [row for row in grants_about(patient, at=at) if row.account_id != account.pk]
    context = {**page_words(request), "account": account, "patient": patient, "accesses": accesses_of(events),
               "others": others if grant.kind == "self" else [], "own": grant.kind == "self"}  # fmt: skip
    return render(request, "sharing/portal_who.html", context)


@require_POST
@portal_page
def end(request: HttpRequest, account: PortalAccount, grant_id: int) -> HttpResponse:
    """The patient ends what somebody else sees of them."""
    at = now()
    row = PortalGrant.objects.select_related("patient").filter(pk=grant_id).exclude(account=account).first()
    own = [patient for grant, patient in grants_in_force(account, at=at) if grant.kind == "self"]
    patient = next((p for p in own if row is not None and row in grants_about(p, at=at)), None)
    if row is None or patient is None:
        raise NotFound("There is no such person.")
    accounts.end_grant(row, actor=accounts.actor_of_account(account, address_of(request)), at=at)
    return HttpResponseRedirect(reverse("sharing:portal-who", args=[patient.pk]))
