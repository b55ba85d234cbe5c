"""Exams and orders that missed each other, on screen: found, linked, unlinked, ordered after the fact."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Procedure, Site
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none, read_id
from ris.orders.models import PerformedStep, ScheduledStep
from ris.orders.selectors import orders_for, step_for, steps_for
from ris.orders.selectors_performed import Suggestion, suggest_steps
from ris.orders.services import unlink_exam
from ris.orders.states import ACTIVE, CANCELLED, IN_PROGRESS
from ris.patients.matching import Traits
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for

from ..mpps.dataset import decode_dataset, read_patient
from . import services
from .patient_check import DescribedPatient, find_patient_doubts
from .selectors import (
    exam_for,
    image_study_for,
    images_without_order,
    never_ended,
    steps_seen,
    suggest_for_images,
    unscheduled,
    without_images,
)

RECONCILERS = (Can.PLACE_ORDERS, Can.PERFORM_EXAMS, Can.SET_UP)
MOST_PROCEDURES = 500


@require_safe
@page(*RECONCILERS)
def exceptions(request: HttpRequest) -> HttpResponse:
    """Exams without an order, that never ended, or without images; images without an order; orders to look at."""
    user, at = user_of(request), now()
    record(actor_of(request), "exceptions.view", user, at=at)
    context = {
        "unscheduled": unscheduled(user)[:100],
        "stuck": never_ended(user, at)[:100],
        "missing": without_images(user, at)[:100],
        "images": images_without_order(user)[:50],
        "flagged": orders_for(user).exclude(flags=[]).filter(state=ACTIVE)[:50],
    }
    return render(request, "dicom/exceptions.html", context)


@require_safe
@page(*RECONCILERS)
def exam(request: HttpRequest, performed_id: int) -> HttpResponse:
    """One exam, with the steps it may belong to, likeliest first. Audited."""
    user = user_of(request)
    performed = exam_for(user, performed_id)
    record(actor_of(request), "exam.view", performed, at=now())
    mpps = getattr(performed, "mpps", None)
    number = mpps.patient_id if mpps else ""
    suggested = [] if performed.steps.exists() else suggest_steps(performed, patient_number=number)
    here = steps_seen(user, suggested)
    context = {
        "performed": performed,
        "mpps": mpps,
        "linked": performed.steps.select_related("procedure__order__patient", "device"),
        "suggestions": _with_doubts(here, read_patient(decode_dataset(mpps.dataset)) if mpps else DescribedPatient()),
        "may_end": performed.state == IN_PROGRESS and Can.PERFORM_EXAMS in permissions_of(user),
        "may_link": bool(permissions_of(user) & {Can.PLACE_ORDERS, Can.PERFORM_EXAMS}),
        **_to_order(user, performed),
    }
    return render(request, "dicom/exam.html", context)


@dataclass(frozen=True, slots=True)
class DoubtedSuggestion:
    """A suggested step, why it fits, and why its patient may be another than the device's."""

    step: ScheduledStep
    why: tuple[str, ...]
    doubts: list[str]


def _with_doubts(suggestions: list[Suggestion], described: DescribedPatient) -> list[DoubtedSuggestion]:
    return [
        DoubtedSuggestion(row.step, row.why, find_patient_doubts(described, row.step.procedure.order.patient))
        for row in suggestions
    ]


@require_POST
@page(Can.PLACE_ORDERS, Can.PERFORM_EXAMS)
def link(request: HttpRequest, performed_id: int) -> HttpResponse:
    """Link the exam to this step, or to the first waiting step of this accession number."""
    user = user_of(request)
    performed = exam_for(user, performed_id)
    step_id, accession = id_or_none(request.POST.get("step", "")), request.POST.get("accession", "").strip()
    step = step_for(user, step_id) if step_id else _find_step(user, accession)
    services.link_and_clear(performed, [step.pk], actor=actor_of(request), at=now())
    return go(request, reverse("dicom:exam", args=[performed.pk]), "Linked. The order has moved on with the exam.")


@require_safe
@page(*RECONCILERS)
def images(request: HttpRequest, study_id: int) -> HttpResponse:
    """Images without an order, with the steps of which they may be, likeliest first. Audited."""
    user = user_of(request)
    study = image_study_for(user, study_id)
    record(actor_of(request), "images.view", study, at=now())
    suggested = steps_seen(user, suggest_for_images(study))
    family, _, given = study.patient_name.partition("^")
    described = DescribedPatient(number=study.patient_number, traits=Traits(family=family, given=given))
    context = {
        "study": study,
        "suggestions": _with_doubts(suggested, described),
        "may_link": bool(permissions_of(user) & {Can.PLACE_ORDERS, Can.PERFORM_EXAMS}),
    }
    return render(request, "dicom/images.html", context)


@require_POST
@page(Can.PLACE_ORDERS, Can.PERFORM_EXAMS)
def link_to_images(request: HttpRequest, study_id: int) -> HttpResponse:
    """Link the images to this step, or to the first of this accession number."""
    user = user_of(request)
    study = image_study_for(user, study_id)
    step_id, accession = id_or_none(request.POST.get("step", "")), request.POST.get("accession", "").strip()
    step = step_for(user, step_id) if step_id else _find_step(user, accession)
    services.link_images_and_clear(study, step.pk, actor=actor_of(request), at=now())
    return go(
        request, reverse("orders:detail", args=[step.procedure.order_id]), "Linked. The images are of this order."
    )


def _find_step(user: User, accession: str) -> ScheduledStep:
    steps = steps_for(user).filter(procedure__order__accession=accession).exclude(state=CANCELLED)
    step = steps.first() if accession else None
    if step is None:
        raise Invalid("Give the accession number of an order at your sites.", at="accession")
    return step


@require_POST
@page(Can.PLACE_ORDERS, Can.PERFORM_EXAMS)
def unlink(request: HttpRequest, performed_id: int) -> HttpResponse:
    """Unlink the exam: its steps wait again."""
    performed = exam_for(user_of(request), performed_id)
    reason = request.POST.get("reason", "").strip()[:250]
    if not reason:
        raise Invalid("Say why it is unlinked.", at="reason")
    unlink_exam(performed.pk, reason=reason, actor=actor_of(request), at=now())
    return go(request, reverse("dicom:exam", args=[performed.pk]), "Unlinked. Its steps wait again.")


def _to_order(user: User, performed: PerformedStep) -> dict[str, object]:
    """The choices of the form for a late order: procedures of the modality, at the user's sites."""
    if Can.PLACE_ORDERS not in permissions_of(user):
        return {}
    procedures = Procedure.objects.filter(active=True)
    if performed.modality:
        procedures = procedures.filter(modality=performed.modality)
    device = performed.device
    return {
        "procedures": procedures.order_by("name")[:MOST_PROCEDURES],
        "sites": sites_for(user, Can.PLACE_ORDERS),
        "here": device.site_id if device else None,
    }


@require_POST
@page(Can.PLACE_ORDERS)
def order_late(request: HttpRequest, performed_id: int) -> HttpResponse:
    """Place the order that was never given, for a known patient, and link the exam to it."""
    user = user_of(request)
    performed = exam_for(user, performed_id)
    site_id, code = read_id(request.POST.get("site", ""), at="site"), request.POST.get("code", "").strip()
    require(user, Can.PLACE_ORDERS, site_id)
    site = Site.objects.get(pk=site_id)
    patient = services.find_numbered_patient(request.POST.get("patient", ""), site=site, viewer=user)
    order = services.place_late_order(
        performed, site_id=site.pk, patient_id=patient.pk, code=code, reason=request.POST.get("reason", "").strip(),
        actor=actor_of(request), at=now(),
    )  # fmt: skip
    return go(request, reverse("dicom:exam", args=[performed.pk]), f"Ordered as {order.accession}, and linked.")


@require_POST
@page(Can.PLACE_ORDERS, Can.PERFORM_EXAMS)
def no_images(request: HttpRequest, performed_id: int) -> HttpResponse:
    """Note that no images of this exam are expected, for a reason."""
    performed = exam_for(user_of(request), performed_id)
    reason = request.POST.get("reason", "")
    services.expect_no_images(performed, reason=reason, actor=actor_of(request), at=now())
    return go(request, reverse("dicom:exceptions"), "Noted: no images are expected of this exam.")


@require_POST
@page(Can.PERFORM_EXAMS)
def end(request: HttpRequest, performed_id: int) -> HttpResponse:
    """End an exam that its device never ended: ``how`` is completed or discontinued."""
    performed = exam_for(user_of(request), performed_id)
    completed = request.POST.get("how") == "completed"
    services.end_by_hand(performed, completed=completed, actor=actor_of(request), at=now())
    outcome = "Done." if completed else "Broken off."
    return go(request, reverse("dicom:exam", args=[performed.pk]), f"{outcome} The device can no longer change it.")
