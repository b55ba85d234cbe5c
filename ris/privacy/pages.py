"""The audit trail on screen, and a patient's access report."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from ris.audit.models import AuditEvent
from ris.audit.services import record
from ris.audit.verification import CHAIN_ALARM, VERIFIED
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.models import Alarm, Heartbeat
from ris.kernel.values import id_or_none
from ris.people.http import actor_of, go, page, user_of, zone_of
from ris.people.roles import Can

from . import documents, selectors
from .selectors import Question

_FIELDS = ("user", "action", "patient", "since", "until")


@require_http_methods(["GET", "POST"])
@page(Can.SEE_AUDIT)
def events(request: HttpRequest) -> HttpResponse:
    """The trail, newest first. A patient's number is POSTed, so that no log keeps it; the answer has their id."""
    user = user_of(request)
    if request.method == "POST":
        patient = selectors.patient_by_number(user, request.POST.get("number", "").strip())
        return go(request, reverse("privacy:accesses", args=[patient.pk]))
    given = {name: request.GET.get(name, "").strip() for name in _FIELDS}
    zone = zone_of(user)
    question = Question(
        given["user"], given["action"], id_or_none(given["patient"]), _day(given["since"], zone, at="since"),
        _day(given["until"], zone, at="until", days=1),
    )  # fmt: skip
    record(actor_of(request), "audit.view", user, patient_id=question.patient_id, at=now())
    rows = selectors.events_for(user, question)
    context = {
        "page": Paginator(rows, 100).get_page(request.GET.get("page")),
        "given": given,
        "query": urlencode({name: value for name, value in given.items() if value}) + "&",
        "verified": Heartbeat.objects.filter(name=VERIFIED).first(),
        "broken": Alarm.objects.filter(kind=CHAIN_ALARM, cleared_at=None).exists(),
    }
    return render(request, "privacy/events.html", context)


@require_safe
@page(Can.SEE_AUDIT)
def accesses(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Who had to do with one patient's data, by person and purpose. Audited."""
    patient = selectors.patient_for(user_of(request), patient_id)
    rows = _events_of(request, patient_id)
    record(actor_of(request), "audit.view", patient, patient_id=patient.pk, at=now())
    context = {"patient": patient, "accesses": selectors.accesses_of(rows), "events": rows[:200], "total": len(rows)}
    return render(request, "privacy/accesses.html", context)


@require_safe
@page(Can.SEE_AUDIT)
def accesses_csv(request: HttpRequest, patient_id: int) -> HttpResponse:
    """The same, each event a line of CSV. Audited."""
    text = documents.as_csv(_exported(request, patient_id))
    headers = {"Content-Disposition": f'attachment; filename="access-report-{patient_id}.csv"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


@require_safe
@page(Can.SEE_AUDIT)
def accesses_pdf(request: HttpRequest, patient_id: int) -> HttpResponse:
    """The same for the patient's hand. Audited."""
    rows, user = _exported(request, patient_id), user_of(request)
    patient = selectors.patient_for(user, patient_id)
    body = documents.as_pdf(patient, selectors.accesses_of(rows), zone=zone_of(user), at=now())
    headers = {"Content-Disposition": f'attachment; filename="access-report-{patient_id}.pdf"'}
    return HttpResponse(body, content_type="application/pdf", headers=headers)


def _exported(request: HttpRequest, patient_id: int) -> list[AuditEvent]:
    rows = _events_of(request, patient_id)
    patient = selectors.patient_for(user_of(request), patient_id)
    record(actor_of(request), "audit.export", patient, patient_id=patient_id, at=now(), events=len(rows))
    return rows


def _events_of(request: HttpRequest, patient_id: int) -> list[AuditEvent]:
    question = Question(patient_id=patient_id)
    return list(selectors.events_for(user_of(request), question)[: selectors.MOST_ACCESSES])


def _day(text: str, zone: ZoneInfo, *, at: str, days: int = 0) -> datetime | None:
    """The begin of a day by the reader's clock (``days`` later), in UTC. Raises Invalid."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date() + timedelta(days=days)  # noqa: DTZ007  (a day has no zone)
        return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid("Give the day as YYYY-MM-DD.", at=at) from None
