"""Orders are brought up to date with what a sender says later."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import Conflict
from ris.kernel.events import emit

from .. import states
from ..events import OrderRevised
from ..intents import OrderIntent, ProcedureIntent, StepIntent
from ..models import Order, RequestedProcedure, ScheduledStep
from .filling import (
    UNKNOWN_MODALITY,
    UNKNOWN_PROCEDURE,
    add_procedure,
    add_step,
    catalog_procedure,
    check_words,
    find_device,
    flag,
    locked_order,
    unflag,
)


@transaction.atomic
def revise_order(order_id: int, intent: OrderIntent, *, actor: Actor, at: datetime) -> Order:
    """Bring an order up to date with what was said; what was not said stays.

    Procedures are matched by number, else by code; the unmatched are added; those not named stay. A
    step that has begun keeps its schedule. Raises NotFound, Conflict for a cancelled order or one of
    another patient.
    """
    order = locked_order(order_id)
    if order.state == states.CANCELLED:
        raise Conflict("This order is cancelled.", at="order")
    if order.patient_id != intent.patient_id:
        raise Conflict("This order belongs to another patient.", at="patient")
    check_words(intent)
    content = intent.content()
    if content:
        Order.objects.filter(pk=order.pk).update(version=F("version") + 1, **content)
        order.refresh_from_db()
    for procedure in intent.procedures:
        _revise_procedure(order, procedure, at)
    if UNKNOWN_PROCEDURE in order.flags and not order.procedures.filter(procedure=None).exists():
        unflag(order, UNKNOWN_PROCEDURE, UNKNOWN_MODALITY)
    record(actor, "order.revise", order, patient_id=order.patient_id, at=at, fields=sorted(content))
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    return order


def _revise_procedure(order: Order, intent: ProcedureIntent, at: datetime) -> None:
    found = match_procedure(order, intent)
    if found is None:
        add_procedure(order, intent, at)
        return
    known = catalog_procedure(intent.code, *intent.alternates)
    if known is not None and known != found.procedure:
        found.procedure = known
        found.modality = intent.modality or known.modality
    elif known is None and intent.code.value != found.code:
        found.procedure = None
        flag(order, UNKNOWN_PROCEDURE)
    found.code, found.coding_system = intent.code.value, intent.code.system
    found.code_text = intent.code.text or (known.name if known else found.code_text)
    found.laterality = intent.laterality or found.laterality
    found.version += 1
    found.save()
    for step in intent.steps:
        _revise_step(found, step, at)


def match_procedure(order: Order, intent: ProcedureIntent) -> RequestedProcedure | None:
    """The procedure that is meant: by number or Study UID; where no number was said by code, or the only one."""
    procedures = list(order.procedures.order_by("pk"))
    names = ["number", "study_uid"] if intent.number else ["study_uid", "code"]
    said = {"number": intent.number, "study_uid": intent.study_uid, "code": intent.code.value}
    for name in names:
        found = next((p for p in procedures if said[name] and getattr(p, name) == said[name]), None)
        if found:
            return found
    return procedures[0] if len(procedures) == 1 and not intent.number else None


def _revise_step(procedure: RequestedProcedure, intent: StepIntent, at: datetime) -> None:
    steps = list(procedure.steps.order_by("pk"))
    found = next((s for s in steps if intent.number and s.number == intent.number), None)
    standing = [s for s in steps if s.state != states.CANCELLED] or steps
    if found is None and len(standing) == 1 and not intent.number:
        found = standing[0]
    if found is None:
        add_step(procedure, intent, at)
    elif found.state in (*states.WAITING, states.CANCELLED):  # a cancelled one may be brought back
        _write_step(procedure, found, intent)


def _write_step(procedure: RequestedProcedure, step: ScheduledStep, intent: StepIntent) -> None:
    said: dict[str, Any] = {
        "modality": intent.modality,
        "location": intent.location,
        "start": intent.start,
        "minutes": intent.minutes,
        "description": intent.description,
        "performing_physician": intent.performing_physician,
        "station_aes": list(intent.station_aes),
        "station_names": list(intent.station_names),
    }
    changes = {name: value for name, value in said.items() if value}
    if intent.station_aes:
        changes["device"] = find_device(procedure.order, step.modality, intent.station_aes)
    protocols = intent.protocols or ((intent.protocol,) if intent.protocol else ())
    if protocols:
        changes |= {
            "protocol_code": protocols[0].value,
            "protocol_system": protocols[0].system,
            "protocol_text": protocols[0].text,
            "protocol_codes": [[code.value, code.text, code.system] for code in protocols],
        }
    ScheduledStep.objects.filter(pk=step.pk).update(version=F("version") + 1, **changes)
