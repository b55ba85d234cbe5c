"""Exams are linked, ordered after the fact and ended by a person (IHE Patient Information Reconciliation)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction

from reporting.models import ReportVersion
from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import Conflict, Invalid, Refusal
from ris.kernel.values import read_reason
from ris.orders.intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ris.orders.models import Order, PerformedStep, RequestedProcedure, Study
from ris.orders.selectors_performed import match_steps
from ris.orders.services import complete_exam, discontinue_exam, link_exam, link_images, place_order
from ris.orders.services.flags import REPORTED_THEN_UNLINKED, add_flag
from ris.orders.states import DISCONTINUED
from ris.patients.models import Patient
from ris.patients.selectors import survivor, visible_patients
from ris.people.models import User

from ..availability.arrivals import clear_image_alarm
from ..models import Mpps, NoImages
from ..mpps.dataset import decode_dataset, read_patient, read_references
from ..mpps.services import clear_patient_alarm
from .patient_check import find_patient_doubts

LOOK_BACK = timedelta(days=30)
"""So long an exam waits to be linked by itself; an older one a person links."""
ALARM = "reported-then-unlinked"
"""Alarm: a report was released of an exam that turned out to be another's. A person clears it."""


@transaction.atomic
def link_and_clear(performed: PerformedStep, step_ids: Sequence[int], *, actor: Actor, at: datetime) -> PerformedStep:
    """Link an exam to its steps, and clear the alarm that it was under another patient. Refusals as ``link_exam``."""
    linked = link_exam(performed.pk, step_ids, actor=actor, at=at)
    clear_patient_alarm(performed, at=at)
    return linked


@transaction.atomic
def link_recognised(patient_id: int, *, actor: Actor, at: datetime) -> list[PerformedStep]:
    """Link exams that waited because their device described the patient otherwise, once a person has recognised them.

    What can no longer be linked (the step was performed by another exam meanwhile) stays for a person. Idempotent.
    """
    linked = []
    waiting = Mpps.objects.filter(performed__steps=None, updated_at__gt=at - LOOK_BACK)
    for mpps in waiting.exclude(performed__state=DISCONTINUED).select_related("performed").order_by("pk"):
        dataset = decode_dataset(mpps.dataset)
        patients = {
            match.step.pk: match.step.procedure.order.patient for match in match_steps(read_references(dataset))
        }
        theirs = {pk: patient for pk, patient in patients.items() if survivor(patient).pk == patient_id}
        described = read_patient(dataset)
        if not theirs or any(find_patient_doubts(described, patient) for patient in theirs.values()):
            continue
        with suppress(Refusal), transaction.atomic():
            linked.append(link_and_clear(mpps.performed, list(theirs), actor=actor, at=at))
    return linked


@transaction.atomic
def link_images_and_clear(study: Study, step_id: int, *, actor: Actor, at: datetime) -> Study:
    """Link images to their step, and clear the alarm that they were under another patient. As ``link_images``."""
    linked = link_images(study.pk, step_id, actor=actor, at=at)
    clear_image_alarm(linked, at=at)
    return linked


@transaction.atomic
def place_late_order(
    performed: PerformedStep, *, site_id: int, patient_id: int, code: str, reason: str = "", actor: Actor, at: datetime
) -> Order:
    """Place the order that was never given for an exam that was done, and link the two.

    The exam keeps its Study Instance UID, which becomes the order's. Raises Conflict when the exam is linked;
    Invalid without a procedure code.
    """
    if performed.steps.exists():
        raise Conflict("This exam is linked already; unlink it first.", at="exam")
    uid = performed.study_uid
    # A UID that is the study of another procedure stays there: two procedures never share one.
    free = uid and not RequestedProcedure.objects.filter(study_uid=uid).exists()
    step = StepIntent(start=performed.started_at, station_aes=(performed.station_ae,) if performed.station_ae else ())
    procedure = ProcedureIntent(
        code=Code(code), study_uid=uid if free else "", modality=performed.modality, steps=(step,)
    )
    intent = OrderIntent(
        site_id=site_id, patient_id=patient_id, source="back-fill", procedures=(procedure,), reason=reason
    )
    order = place_order(intent, actor=actor, at=at)
    steps = order.procedures.get().steps.values_list("pk", flat=True)
    link_and_clear(performed, list(steps), actor=actor, at=at)
    return order


@transaction.atomic
def end_by_hand(performed: PerformedStep, *, completed: bool, actor: Actor, at: datetime) -> PerformedStep:
    """Complete or discontinue an exam that its device never ended. Raises Conflict when it was ended before.

    A device that ends it after all hears that the step may no longer be updated (Error ID A710, PS3.4 F.7.2.2.3).
    """
    end = complete_exam if completed else discontinue_exam
    return end(performed.mpps_uid, ended_at=at, series=performed.series, dose=performed.dose, actor=actor, at=at)


@transaction.atomic
def expect_no_images(performed: PerformedStep, *, reason: str, actor: Actor, at: datetime) -> NoImages:
    """Note that the exam made no images, so that none are missed. The first reason stays. Raises Invalid."""
    read_reason(reason, "Say why.")
    note, is_new = NoImages.objects.get_or_create(
        performed=performed, defaults={"reason": reason.strip()[:250], "at": at}
    )
    if is_new:
        order = Order.objects.filter(procedures__steps__performed=performed).first()
        patient_id = order.patient_id if order else None
        record(actor, "exam.no-images", performed, patient_id=patient_id, reason=note.reason, at=at)
    return note


def find_numbered_patient(number: str, *, site: Site, viewer: User) -> Patient:
    """The one visible patient who has that number; the site's own numbers come first. Raises Invalid."""
    number = number.strip()
    patients = list(visible_patients(viewer).filter(identifiers__value=number).distinct()[:50]) if number else []
    own = [p for p in patients if p.identifiers.filter(value=number, authority=site.assigning_authority).exists()]
    candidates = own or patients
    if not candidates:
        raise Invalid("No patient has this number: register them under Orders first.", at="patient")
    if len(candidates) > 1:
        raise Invalid("Several patients have this number: order for one under Orders, then link.", at="patient")
    return candidates[0]


@transaction.atomic
def alarm_reported(procedure_id: int, *, at: datetime) -> bool:
    """Flag the order of an unlinked exam and raise an alarm when its report was released; return whether it was.

    Only who signed the report can correct it. Idempotent.
    """
    if not ReportVersion.objects.filter(report__procedure=procedure_id).exists():
        return False
    procedure = RequestedProcedure.objects.select_related("order").get(pk=procedure_id)
    add_flag(procedure.order, REPORTED_THEN_UNLINKED)
    raise_alarm(ALARM, f"{procedure.order.accession} {procedure.number}", detail="its report is of another exam", at=at)
    return True
