"""Appointments of another scheduling system: kept as said, and given to the order that they are for when it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor, record
from ris.catalog.models import Procedure
from ris.kernel.db.statements import PreparedQuery

from .. import states
from ..intents import Code
from ..models import Appointment, Order, RequestedProcedure, ScheduledStep
from ..selectors_booking import Booking, find_overlaps
from .flags import OVERLAPPING, add_flag, remove_flags

# Which appointments of the patient wait for an order? Asked by each order that is placed.
WAITING = PreparedQuery(
    lambda patient_id, *live: Appointment.objects.filter(patient=patient_id, order=None, state__in=live)
)


@dataclass(frozen=True, kw_only=True)
class AppointmentIntent:
    """What a sender said of an appointment. ``start`` and ``said_at`` are aware; None and empty: not said."""

    patient_id: int
    site_id: int
    source: str
    said_at: datetime
    state: str = ""
    placer_number: str = ""
    placer_authority: str = ""
    filler_number: str = ""
    filler_authority: str = ""
    order_numbers: tuple[str, ...] = ()
    services: tuple[Code, ...] = ()
    resources: tuple[str, ...] = ()
    device_id: int | None = None
    start: datetime | None = None
    minutes: int | None = None
    reason: str = ""


def find_appointment(intent: AppointmentIntent) -> Appointment | None:
    """The appointment of the patient that has the filler number, else the placer number, from the same sender."""
    rows = Appointment.objects.filter(source=intent.source, patient=intent.patient_id).order_by("-pk")
    lookups: list[dict[str, str]] = []
    if intent.filler_number:
        lookups.append({"filler_number": intent.filler_number, "filler_authority": intent.filler_authority})
    if intent.placer_number:
        lookups.append({"placer_number": intent.placer_number, "placer_authority": intent.placer_authority})
    if not lookups:
        lookups = [{"placer_number": "", "filler_number": ""}]
        rows = rows.filter(start=intent.start)
    return next((row for lookup in lookups if (row := rows.filter(**lookup).first())), None)


@transaction.atomic
def record_appointment(
    intent: AppointmentIntent, *, order: Order | None, actor: Actor, at: datetime
) -> tuple[Appointment, bool]:
    """Write what was said of an appointment; (row, whether anything changed). What was said later stands.

    ``order``: the order that it is known to be for, if any.
    """
    row = find_appointment(intent)
    if row is None:
        row = Appointment.objects.create(
            patient_id=intent.patient_id, site_id=intent.site_id, source=intent.source, order=order,
            state=intent.state or states.BOOKED, said_at=intent.said_at, start=intent.start, minutes=intent.minutes,
            placer_number=intent.placer_number, placer_authority=intent.placer_authority,
            filler_number=intent.filler_number, filler_authority=intent.filler_authority, reason=intent.reason,
            order_numbers=list(intent.order_numbers), services=_rows(intent.services),
            resources=list(intent.resources), device_id=intent.device_id,
        )  # fmt: skip
        record(actor, "appointment.record", row, patient_id=row.patient_id, at=at, state=row.state)
        return row, True
    changes = _changes(row, intent, order)
    if not changes and intent.state in ("", row.state):
        return row, False
    target = intent.state if intent.state and intent.said_at >= row.said_at else row.state
    Appointment.objects.take(states.APPOINTMENT[target], row.pk, **changes)
    record(actor, "appointment.record", row, patient_id=row.patient_id, at=at, state=target)
    return row.reread(), True


def _rows(services: Sequence[Code]) -> list[list[str]]:
    return [[service.value, service.text, service.system] for service in services]


def _changes(row: Appointment, intent: AppointmentIntent, order: Order | None) -> dict[str, object]:
    changes: dict[str, object] = {"order": order} if order is not None and row.order_id != order.pk else {}
    if intent.said_at < row.said_at:
        return changes
    said: dict[str, object] = {
        "services": _rows(intent.services),
        "resources": list(intent.resources),
        "device_id": intent.device_id,
        "start": intent.start,
        "minutes": intent.minutes,
        "reason": intent.reason,
        "order_numbers": list(intent.order_numbers),
        "placer_number": intent.placer_number,
        "filler_number": intent.filler_number,
    }
    changes |= {name: value for name, value in said.items() if value and getattr(row, name) != value}
    if intent.state != row.state or changes:
        changes["said_at"] = intent.said_at
    return changes


def match_waiting_appointment(order: Order, *, actor: Actor, at: datetime) -> Appointment | None:
    """Book a new order at the only appointment of its patient that waits for such an exam; None where there is none.

    Its waiting steps get the appointment's time and device.
    """
    waiting = WAITING.all(order.patient_id, *states.LIVE_APPOINTMENTS)
    if not waiting:
        return None
    procedures = list(order.procedures.select_related("procedure"))
    fitting = [row for row in waiting if _is_for(row, order, procedures)]
    if len(fitting) != 1:
        return None
    row = Appointment.objects.take(states.APPOINTMENT[fitting[0].state], fitting[0].pk, order=order)
    named = [p for p in procedures if any(is_same_exam(p, code, text) for code, text, _ in row.services)] or procedures
    steps = ScheduledStep.objects.filter(procedure__in=named, state__in=states.WAITING)
    for step in steps:
        _move_step(step, row)
    record(actor, "appointment.match", row, patient_id=order.patient_id, at=at, order=order.pk)
    flag_overlaps(order)
    return row


def _is_for(row: Appointment, order: Order, procedures: list[RequestedProcedure]) -> bool:
    """By a number of the order; where the appointment names none, by its own numbers or by what it is for."""
    numbers = set(row.order_numbers) or {row.placer_number, row.filler_number} - {""}
    if numbers & {order.placer_number, order.sender_filler_number, order.accession}:
        return True
    if row.order_numbers:
        return False
    return any(is_same_exam(procedure, code, text) for code, text, _ in row.services for procedure in procedures)


def is_same_exam(procedure: RequestedProcedure, code: str, text: str) -> bool:
    """Whether a service of an appointment, by its code or its text, is the procedure as ordered or in the catalog."""
    catalog: Procedure | None = procedure.procedure
    codes = {procedure.code.casefold(), catalog.code.casefold() if catalog else ""} - {""}
    texts = {procedure.code_text.casefold(), catalog.name.casefold() if catalog else ""} - {""}
    return code.casefold() in codes or text.casefold() in texts or code.casefold() in texts


def _move_step(step: ScheduledStep, row: Appointment) -> None:
    changes: dict[str, object] = {"start": row.start} if row.start else {}
    if row.minutes:
        changes["minutes"] = min(row.minutes, 1440)
    device = row.device
    if device is not None and device.modality == step.modality:
        changes |= {
            "device": device, "station_aes": [device.ae_title], "station_names": [device.name] if device.name else [],
            "location": device.room,
        }  # fmt: skip
    if changes:
        changes |= {"reserved_until": None, "overbooked": ""}
        ScheduledStep.objects.take(states.RESCHEDULE[step.state], step.pk, **changes)


def flag_overlaps(order: Order) -> bool:
    """Flag an order whose waiting step is on a device that something else has then; whether it is so.

    What another system booked stands: a person is told, and nobody is refused.
    """
    steps = ScheduledStep.objects.filter(Q(procedure__order=order), state__in=states.WAITING).select_related(
        "procedure", "device"
    )
    overlapping = any(
        find_overlaps(
            Booking(
                code=step.procedure.code, laterality=step.procedure.laterality, start=step.start, minutes=step.minutes,
                device=step.device, step_id=step.pk,
            ),
            order.site,
        )
        for step in steps
    )  # fmt: skip
    if overlapping:
        add_flag(order, OVERLAPPING)
    elif OVERLAPPING in order.flags:
        remove_flags(order, OVERLAPPING)
    return overlapping
