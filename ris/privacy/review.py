"""What privacy officers decide: emergency accesses, who is confidential, who of the house is which patient."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ris.access.models import EmergencyAccess
from ris.access.services import judge_access, link_staff
from ris.audit.services import record, record_shown
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import day_or_none
from ris.patients.models import Patient
from ris.patients.selectors import visible_patient
from ris.patients.services import lift_confidential, mark_confidential
from ris.people.http import actor_of, go, page, user_of, zone_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from . import selectors
from .lookups import staff_lookups


@require_safe
@page(Can.SEE_AUDIT)
def reviews(request: HttpRequest) -> HttpResponse:
    """Emergency accesses that wait for a verdict; with ``?show=judged`` those that have one. Audited."""
    user, at = user_of(request), now()
    judged = request.GET.get("show") == "judged"
    shown = Paginator(selectors.accesses_for(user, judged=judged), 50).get_page(request.GET.get("page"))
    record_shown(actor_of(request), "break-glass.view", ((row, row.patient_id) for row in shown), at=at)
    context = {"page": shown, "judged": judged, "verdicts": EmergencyAccess.VERDICTS, "at": at, "viewer": user,
               "query": "show=judged&" if judged else ""}  # fmt: skip
    return render(request, "privacy/reviews.html", context)


@require_POST
@page(Can.SEE_AUDIT)
def judge(request: HttpRequest, access_id: int) -> HttpResponse:
    """Give a verdict."""
    user = user_of(request)
    access = selectors.access_for(user, access_id)
    verdict, words = request.POST.get("verdict", ""), request.POST.get("reason", "")
    judge_access(access, verdict, words=words, judge=user, actor=actor_of(request), at=now())
    return go(request, reverse("privacy:reviews"), "Noted.")


@require_safe
@page(Can.SEE_AUDIT)
def lookups(request: HttpRequest) -> HttpResponse:
    """People of the house who looked at their own record or a co-worker's, on a day by the reader's clock. Audited."""
    user = user_of(request)
    day = day_or_none(request.GET.get("day", "")) or timezone.localdate()
    since = datetime.combine(day, time(), tzinfo=zone_of(user)).astimezone(UTC)
    rows = staff_lookups(user, since=since, until=since + timedelta(days=1))
    record(actor_of(request), "audit.view-staff", user, at=now(), day=day.isoformat())
    record_shown(actor_of(request), "audit.view", ((row.patient, row.patient.pk) for row in rows), at=now())
    context = {"rows": rows, "day": day, "before": day - timedelta(days=1), "after": day + timedelta(days=1)}
    return render(request, "privacy/lookups.html", context)


@require_POST
@page(Can.MARK_CONFIDENTIAL)
def mark(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Keep a patient confidential (``kind``), or no more (an empty one), with a reason."""
    patient = patient_to_mark(user_of(request), patient_id)
    kind, reason = request.POST.get("kind", ""), request.POST.get("reason", "")
    if kind:
        mark_confidential(patient.pk, kind, reason=reason, actor=actor_of(request), at=now())
        said = "Confidential from now on: only the care team and people with the permission see this patient."
    else:
        lift_confidential(patient.pk, reason=reason, actor=actor_of(request), at=now())
        said = "Not confidential any more."
    sees_audit = Can.SEE_AUDIT in permissions_of(user_of(request))
    return go(request, reverse("privacy:accesses" if sees_audit else "orders:patient", args=[patient.pk]), said)


def patient_to_mark(user: User, patient_id: int) -> Patient:
    """A patient whom somebody with the permission sees, on the screens or in the audit. Raises NotFound."""
    sees_audit = Can.SEE_AUDIT in permissions_of(user)
    return selectors.patient_for(user, patient_id) if sees_audit else visible_patient(user, patient_id)


@require_POST
@page(Can.SEE_AUDIT)
def link(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Note that a patient is this person of the house (``user``, a user name; empty: nobody)."""
    patient = selectors.patient_for(user_of(request), patient_id)
    name = request.POST.get("user", "").strip()
    person = User.objects.filter(username=name).first()
    if person is None:
        raise NotFound("There is no such user.", at="user")
    record_of = getattr(person, "staff_record", None)
    born = record_of.birth_date if record_of else None
    link_staff(person, patient_id=patient.pk, birth_date=born, actor=actor_of(request), at=now())
    return go(
        request, reverse("privacy:accesses", args=[patient.pk]), "Noted: such look-ups are on the list of the day."
    )
