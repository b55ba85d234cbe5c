"""Orders are revised by what a sender says later (ORC-1 XO), and numbered by their placer (SN, NA); IHE RAD-3."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict
from ris.kernel.events import emit

from .. import states
from ..events import OrderRevised
from ..intents import OrderIntent, ProcedureIntent, StepIntent
from ..models import Order, RequestedProcedure, ScheduledStep
from ..selectors_catalog import find_catalog_procedure
from .flags import GUESSED_MODALITY, UNKNOWN_MODALITY, UNKNOWN_PROCEDURE, remove_flags
from .modality import tell_modality
from .placement import (
    MOST_DESCRIPTION,
    add_procedure,
    add_step,
    check_intent,
    find_device,
    lock_order,
    lock_placer,
)
from .referrers import revise_referrers


@transaction.atomic
def revise_order(order_id: int, intent: OrderIntent, *, actor: Actor, at: datetime) -> Order:
    """Write what was said about an order; what was not said stays.

    Procedures are matched by number, else by code; the unmatched are added; those not named stay. A
    step that has begun keeps its schedule. Raises NotFound; Conflict for a cancelled order or one of
    another patient; Invalid as :func:`check_intent`.
    """
    order = lock_order(order_id)
    if order.state == states.CANCELLED:
        raise Conflict("This order is cancelled.", at="order")
    # An order changes its patient by a merge or a move only, never by what an order message says.
    if order.patient_id != intent.patient_id:
        raise Conflict("This order belongs to another patient.", at="patient")
    check_intent(intent)
    content = intent.content()
    if content:
        Order.objects.filter(pk=order.pk).update(version=F("version") + 1, **content)
        revise_referrers(order, intent, at=at)
        order.refresh_from_db()
    for procedure in intent.procedures:
        _revise_procedure(order, procedure, at)
    if UNKNOWN_PROCEDURE in order.flags and not order.procedures.filter(procedure=None).exists():
        remove_flags(order, UNKNOWN_PROCEDURE, UNKNOWN_MODALITY, GUESSED_MODALITY)
    record(actor, "order.revise", order, patient_id=order.patient_id, at=at, fields=sorted(content))
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    return order


def _revise_procedure(order: Order, intent: ProcedureIntent, at: datetime) -> None:
    procedure = match_procedure(order, intent)
    if procedure is None:
        add_procedure(order, intent, at)
        return
    catalog = find_catalog_procedure(intent.code, *intent.alternates, laterality=intent.laterality)
    former_modality, former_text = procedure.modality, procedure.code_text or procedure.code
    if intent.code.value != procedure.code if catalog is None else catalog != procedure.procedure:
        if order.procedures.count() == 1:  # else they may be another procedure's
            remove_flags(order, UNKNOWN_MODALITY, GUESSED_MODALITY)
        procedure.procedure = catalog
        procedure.modality = tell_modality(order, intent, catalog) or procedure.modality
    procedure.code, procedure.coding_system = intent.code.value, intent.code.system
    procedure.code_text = intent.code.text or (catalog.name if catalog else procedure.code_text)
    procedure.laterality = intent.laterality or procedure.laterality
    procedure.version += 1
    procedure.save()
    _follow_exam(procedure, former_modality, former_text)
    for step in intent.steps:
        _revise_step(procedure, step, at)


def _follow_exam(procedure: RequestedProcedure, former_modality: str, former_text: str) -> None:
    """Let the steps that wait follow a change of the exam: it is called otherwise, or another scanner does it."""
    waiting = procedure.steps.filter(state__in=[*states.WAITING, states.CANCELLED])
    text = procedure.code_text or procedure.code
    if text != former_text:
        named = waiting.filter(description=former_text[:MOST_DESCRIPTION])
        named.update(description=text[:MOST_DESCRIPTION], version=F("version") + 1)
    if procedure.modality != former_modality:
        device = find_device(procedure.order, procedure.modality, ())
        waiting.filter(modality=former_modality).update(
            modality=procedure.modality,
            device=device,
            station_aes=[device.ae_title] if device else [],
            station_names=[device.name] if device else [],
            location=device.room if device else "",
            reserved_until=None,
            overbooked="",
            version=F("version") + 1,
        )


def match_procedure(order: Order, intent: ProcedureIntent) -> RequestedProcedure | None:
    """The procedure of the order that the intent names; None when it names none that is there.

    By number, then Study Instance UID. Without a number: by Study Instance UID, then code, else the only one.
    """
    procedures = list(order.procedures.order_by("pk"))
    # With a number the code does not count: one order may have the same code twice.
    keys = ["number", "study_uid"] if intent.number else ["study_uid", "code"]
    values = {"number": intent.number, "study_uid": intent.study_uid, "code": intent.code.value}
    for key in keys:
        named = (procedure for procedure in procedures if values[key] and getattr(procedure, key) == values[key])
        if procedure := next(named, None):
            return procedure
    return procedures[0] if len(procedures) == 1 and not intent.number else None


def _revise_step(procedure: RequestedProcedure, intent: StepIntent, at: datetime) -> None:
    steps = list(procedure.steps.order_by("pk"))
    step = next((step for step in steps if intent.number and step.number == intent.number), None)
    # A sender that numbers no steps means the only one that is not cancelled.
    candidates = [step for step in steps if step.state != states.CANCELLED] or steps
    if step is None and len(candidates) == 1 and not intent.number:
        step = candidates[0]
    if step is None:
        add_step(procedure, intent, at)
    elif step.state in (*states.WAITING, states.CANCELLED):  # a cancelled one may be reinstated later
        _write_step(procedure, step, intent)


def _write_step(procedure: RequestedProcedure, step: ScheduledStep, intent: StepIntent) -> None:
    values: dict[str, Any] = {
        "modality": intent.modality,
        "location": intent.location,
        "start": intent.start,
        "minutes": intent.minutes,
        "description": intent.description,
        "performing_physician": intent.performing_physician,
        "station_aes": list(intent.station_aes),
        "station_names": list(intent.station_names),
    }
    changes = {name: value for name, value in values.items() if value}
    if intent.station_aes:
        changes["device"] = find_device(procedure.order, step.modality, intent.station_aes)
    protocols = intent.all_protocols()
    if protocols:
        changes |= {
            "protocol_code": protocols[0].value,
            "protocol_system": protocols[0].system,
            "protocol_text": protocols[0].text,
            "protocol_codes": [[code.value, code.text, code.system] for code in protocols],
        }
    if changes.keys() & {"start", "minutes", "device"}:  # what another system books stands, and keeps nobody away
        changes |= {"reserved_until": None, "overbooked": ""}
    ScheduledStep.objects.filter(pk=step.pk).update(version=F("version") + 1, **changes)


@transaction.atomic
def number_order(order_id: int, *, placer_number: str, placer_authority: str, actor: Actor, at: datetime) -> Order:
    """Write the number that the placer gave an order that began here (IHE RAD-3: SN, NA).

    Raises NotFound; Conflict when it has a number already, or when another order has this one.
    """
    # The placer's name is locked before the row, as in place_order: the other way round two could wait for each other.
    lock_placer(placer_authority, placer_number)
    order = lock_order(order_id)
    if order.placer_number:
        raise Conflict("This order has a placer number already.", at="placer_number")
    if Order.objects.filter(placer_authority=placer_authority, placer_number=placer_number).exists():
        raise Conflict("This placer order number was used before.", at="placer_number", code="duplicate")
    numbers = {"placer_number": placer_number, "placer_authority": placer_authority}
    Order.objects.filter(pk=order.pk).update(version=F("version") + 1, **numbers)
    record(actor, "order.number", order, patient_id=order.patient_id, at=at)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    order.refresh_from_db()
    return order
