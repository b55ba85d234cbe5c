"""What follows when exams and orders are brought together or apart, beyond the orders themselves (IHE PIR)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from reporting.models import ReportVersion
from ris.audit.actor import Actor
from ris.audit.services import record
from ris.catalog.models import Site
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.texts import read_reason
from ris.orders.intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ris.orders.models import Order, PerformedStep, RequestedProcedure
from ris.orders.services import complete_exam, discontinue_exam, link_exam, place_order
from ris.orders.services.flags import REPORTED_THEN_UNLINKED, add_flag
from ris.patients.models import Patient
from ris.patients.selectors import visible_patients
from ris.people.models import User

from ..models import NoImages

ALARM = "reported-then-unlinked"
"""Alarm: a report was released of an exam that turned out to be another's. A person clears it."""


@transaction.atomic
def back_fill(
    performed: PerformedStep, *, site_id: int, patient_id: int, code: str, reason: str = "", actor: Actor, at: datetime
) -> Order:
    """Place the order that was never given for an exam that was done, and link the two.

    The exam keeps its Study Instance UID, which becomes the order's. Raises Conflict when the exam is linked;
    Invalid without a procedure code.
    """
    if performed.steps.exists():
        raise Conflict("This exam is linked already; unlink it first.", at="exam")
    uid = performed.study_uid
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
    link_exam(performed.pk, list(steps), actor=actor, at=at)
    return order


@transaction.atomic
def end_by_hand(performed: PerformedStep, *, completed: bool, actor: Actor, at: datetime) -> PerformedStep:
    """An exam that its device never ended is over: done, or broken off. Raises Conflict when it was ended before.

    If its device ends it after all, it is told that the step may no longer be updated (A710).
    """
    end = complete_exam if completed else discontinue_exam
    said: dict[str, Any] = {"series": performed.series, "dose": performed.dose}
    return end(performed.mpps_uid, ended_at=at, actor=actor, at=at, **said)


@transaction.atomic
def expect_no_images(performed: PerformedStep, *, reason: str, actor: Actor, at: datetime) -> NoImages:
    """The exam made no images, so none are missed. Idempotent: what was said first stays. Raises Invalid."""
    read_reason(reason, "Say why.")
    said, new = NoImages.objects.get_or_create(performed=performed, defaults={"reason": reason.strip()[:250], "at": at})
    if new:
        order = Order.objects.filter(procedures__steps__performed=performed).first()
        patient_id = order.patient_id if order else None
        record(actor, "exam.no-images", performed, patient_id=patient_id, reason=said.reason, at=at)
    return said


def patient_numbered(number: str, *, site: Site, viewer: User) -> Patient:
    """The one visible patient who has that number; the site's own numbers come first. Raises Invalid."""
    found = list(visible_patients(viewer).filter(identifiers__value=number.strip()).distinct()[:50]) if number else []
    own = [one for one in found if one.identifiers.filter(value=number.strip(), authority=site.assigning_authority)]
    chosen = own or found
    if len(chosen) != 1:
        raise Invalid(
            "Several patients have this number: order for one of them under Orders, then link."
            if chosen
            else "No patient has this number: register them under Orders first.",
            at="patient",
        )
    return chosen[0]


def note_unlinked(procedure_id: int, *, at: datetime) -> bool:
    """Have a person look when a report of it was released already: only who signed it can correct it. Idempotent."""
    if not ReportVersion.objects.filter(report__procedure=procedure_id).exists():
        return False
    procedure = RequestedProcedure.objects.select_related("order").get(pk=procedure_id)
    add_flag(procedure.order, REPORTED_THEN_UNLINKED)
    raise_alarm(ALARM, f"{procedure.order.accession} {procedure.number}", detail="its report is of another exam", at=at)
    return True
