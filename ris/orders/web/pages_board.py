"""The device board: the day on each device, moved by MPPS or, where a device sends none, by hand."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Device, Site
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import day_or_none
from ris.people.http import actor_of, page, toast, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from .. import selectors, services, states
from ..models import ScheduledStep
from ..questions import Question, questions_for

REASONS = {
    "110501": "Equipment failure",
    "110503": "Patient allergic to media",
    "110504": "Patient died",
    "110505": "Patient refused to continue",
    "110506": "Patient taken for treatment",
    "110507": "Patient did not arrive",
    "110508": "Patient pregnant",
    "110510": "Duplicate order",
    "110513": "Discontinued for unspecified reason",
    "110514": "Wrong worklist entry",
}
"""Why an exam is broken off (PS3.16 CID 9300, DCM codes), in the words of the page."""

# What is on a device now comes first, what is over last.
_ORDER = {states.STARTED: 0, states.ARRIVED: 1, states.SCHEDULED: 2, states.COMPLETED: 3, states.DISCONTINUED: 4}


@require_safe
@page(Can.SEE_ORDERS)
def board(request: HttpRequest) -> HttpResponse:
    """A day on the devices of a site. With ``part=1`` the lanes alone, as the page asks for them again."""
    user = user_of(request)
    day = _read_day(request)
    sites = list(sites_for(user, Can.SEE_ORDERS))
    site = next((s for s in sites if str(s.pk) == request.GET.get("site")), sites[0] if sites else None)
    steps = _steps_of(user, site, day) if site else ScheduledStep.objects.none()
    mark = _mark_of(steps)
    if request.GET.get("part") and request.headers.get("If-None-Match") == mark:
        return HttpResponse(status=304, headers={"ETag": mark})
    context: dict[str, Any] = {
        "lanes": _build_lanes(site, steps) if site else [],
        "site": site,
        "sites": sites,
        "day": day,
        "today": day == timezone.localdate(),
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1),
        "may_perform": Can.PERFORM_EXAMS in permissions_of(user),
    }
    if request.GET.get("part"):
        response = render(request, "orders/lanes.html", context)
        response["ETag"] = mark
        return response
    record(actor_of(request), "board.view", user, at=now(), day=day.isoformat())
    return render(request, "orders/board.html", context)


def _read_day(request: HttpRequest) -> date:
    return day_or_none(request.GET.get("day", "")) or timezone.localdate()


def _steps_of(user: User, site: Site, day: date) -> QuerySet[ScheduledStep]:
    # Midnight to midnight by the clock of the user: a day of a clock change has 23 or 25 hours.
    since = timezone.make_aware(datetime.combine(day, time.min))
    until = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
    return selectors.board_steps(user, since=since, until=until, at=now()).filter(procedure__order__site=site)


def _mark_of(steps: QuerySet[ScheduledStep]) -> str:
    """An entity tag (RFC 9110 8.8.3) that changes with any step, order, patient or visit shown: one light query."""
    versions = steps.values_list("pk", "version", "procedure__order__version", "procedure__order__patient__version",
                                 "procedure__order__visit__pregnant", "device")  # fmt: skip
    return f'"{hashlib.sha256(repr(list(versions)).encode()).hexdigest()[:32]}"'


def _build_lanes(site: Site, steps: QuerySet[ScheduledStep]) -> list[dict[str, Any]]:
    by_device: dict[int | None, list[ScheduledStep]] = defaultdict(list)
    for step in steps.select_related("procedure__order__visit"):
        by_device[step.device_id].append(step)
    lanes = [_build_lane(device, by_device[device.pk]) for device in Device.objects.filter(site=site, active=True)]
    return [*lanes, _build_lane(None, by_device[None])] if by_device[None] else lanes


def _build_lane(device: Device | None, steps: list[ScheduledStep]) -> dict[str, Any]:
    steps.sort(key=lambda step: (_ORDER.get(step.state, 9), step.start, step.pk))
    counts = {state: sum(step.state == state for step in steps) for state in _ORDER}
    return {"device": device, "steps": steps, "counts": counts}


@require_safe
@page(Can.SEE_ORDERS)
def step(request: HttpRequest, step_id: int) -> HttpResponse:
    """What a technologist looks at before the exam begins. Audited."""
    user = user_of(request)
    shown = selectors.step_for(user, step_id)
    order = shown.procedure.order
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    context = {"step": shown, "order": order, "patient": order.patient, "visit": order.visit, "reasons": REASONS,
               "questions": _questions_of(shown), "asked": list(shown.asked.select_related("asked_by")),
               "may_perform": Can.PERFORM_EXAMS in permissions_of(user)}  # fmt: skip
    return render(request, "orders/step.html", context)


@require_safe
@page(Can.PERFORM_EXAMS)
def show_questions(request: HttpRequest, step_id: int) -> HttpResponse:
    """What is asked before the exam, to be ticked: the dialog that starts it. Audited."""
    step = _get_step(request, step_id)
    order = step.procedure.order
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    context = {"step": step, "patient": step.procedure.order.patient, "questions": _questions_of(step)}
    return render(request, "orders/questions.html", context)


def _questions_of(step: ScheduledStep) -> tuple[Question, ...]:
    patient, procedure = step.procedure.order.patient, step.procedure
    return questions_for(
        modality=step.modality, exam=f"{procedure} {step.description}", laterality=procedure.laterality,
        sex=patient.sex, birth_date=patient.birth_date, on=timezone.localdate(),
    )  # fmt: skip


@require_POST
@page(Can.PERFORM_EXAMS)
def arrive(request: HttpRequest, step_id: int) -> HttpResponse:
    """The patient is here."""
    step = _get_step(request, step_id)
    services.arrive(step.pk, actor=actor_of(request), at=now())
    return _confirm("Arrived.", undo=reverse("orders:undo-arrival", args=[step.pk]))


@require_POST
@page(Can.PERFORM_EXAMS)
def undo_arrival(request: HttpRequest, step_id: int) -> HttpResponse:
    """The patient is not here after all."""
    services.undo_arrival(_get_step(request, step_id).pk, actor=actor_of(request), at=now())
    return _confirm("Undone: scheduled again.")


@require_POST
@page(Can.PERFORM_EXAMS)
def start(request: HttpRequest, step_id: int) -> HttpResponse:
    """The exam begins. Refused until each of its questions was ticked (``asked``, the keys); they are kept."""
    step = _get_step(request, step_id)
    questions = _questions_of(step)
    ticked = {*request.POST.getlist("asked"), *step.asked.values_list("key", flat=True)}
    if missing := [question.text for question in questions if question.key not in ticked]:
        raise Invalid(f"Ask first, then tick: {'; '.join(missing)}.", at="asked")
    services.note_questions(step.pk, questions, asker=user_of(request), actor=actor_of(request), at=now())
    services.start_by_hand(step.pk, actor=actor_of(request), at=now())
    return _confirm("Started.", undo=reverse("orders:undo-start", args=[step.pk]))


@require_POST
@page(Can.PERFORM_EXAMS)
def undo_start(request: HttpRequest, step_id: int) -> HttpResponse:
    """Take the start back: the step is what it was before."""
    step = _get_step(request, step_id)
    services.undo_start(step.pk, actor=actor_of(request), at=now())
    return _confirm(f"Undone: {step.reread().state} again.")


@require_POST
@page(Can.PERFORM_EXAMS)
def undo_end(request: HttpRequest, step_id: int) -> HttpResponse:
    """Take back that the exam was completed or broken off a moment ago."""
    services.undo_end(_get_step(request, step_id).pk, actor=actor_of(request), at=now())
    return _confirm("Undone: in progress again.")


@require_POST
@page(Can.PERFORM_EXAMS)
def complete(request: HttpRequest, step_id: int) -> HttpResponse:
    """The exam is done."""
    step = _get_step(request, step_id)
    services.complete_by_hand(step.pk, actor=actor_of(request), at=now())
    text = "Done. The case is on the reading list when all of its steps are."
    return _confirm(text, undo=reverse("orders:undo-end", args=[step.pk]))


@require_POST
@page(Can.PERFORM_EXAMS)
def discontinue(request: HttpRequest, step_id: int) -> HttpResponse:
    """The exam is broken off, with a coded reason (PS3.16 CID 9300)."""
    code = request.POST.get("reason_code", "")
    if code not in REASONS:
        raise Invalid("Choose why the exam is broken off.", at="reason_code")
    step = _get_step(request, step_id)
    services.discontinue_by_hand(step.pk, reason_code=code, actor=actor_of(request), at=now())
    return _confirm("Discontinued.", undo=reverse("orders:undo-end", args=[step.pk]))


def _get_step(request: HttpRequest, step_id: int) -> ScheduledStep:
    return selectors.step_for(user_of(request), step_id, Can.PERFORM_EXAMS)


def _confirm(text: str, *, undo: str = "") -> HttpResponse:
    response = HttpResponse(status=204, headers={"HX-Trigger": '{"moved": true}'})
    return toast(response, text, undo=undo)
