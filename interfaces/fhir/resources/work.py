"""Task and Appointment: how far an exam is, and when it takes place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from reporting import states as report_states
from ris.orders import states
from ris.orders.models import RequestedProcedure, ScheduledStep
from ris.orders.selectors import steps_for
from ris.people.models import User
from worklist import states as item_states

from ..datatypes import SNOMED, TERMINOLOGY, URN, Json, coding, concept, instant, reference
from ..resource_type import Page, ResourceType
from ..search.changes import AccessionChanges
from ..search.parameters import choice_parameter, column_token, date_parameter, reference_parameter, token_parameter
from .orders import (
    CANCELLED,
    HELD,
    PRIORITIES,
    by_order_number,
    by_procedure_code,
    load_procedures,
    order_identifiers,
    procedure_concept,
    visible_procedures,
)
from .patient import patient_parameter, require_orders

TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"
STAGE_SYSTEM = f"{URN}stage"
STATUS = {
    "cancelled": "cancelled", "held": "on-hold", "final": "completed", "reading": "in-progress",
    "preliminary": "in-progress", "parked": "in-progress", "to-read": "in-progress", "acquiring": "in-progress",
    "acquired": "in-progress", "discontinued": "failed", "arrived": "in-progress", "scheduled": "accepted",
    "ordered": "requested",
}  # fmt: skip
"""Stage (Task.businessStatus) → Task.status."""


def _step_in(*names: str, **more: Any) -> Exists:
    return Exists(ScheduledStep.objects.filter(procedure=OuterRef("pk"), state__in=names, **more))


def _stage() -> Case:
    """How far a procedure is: the first that holds."""
    item = {
        "reading": item_states.CLAIMED, "preliminary": item_states.PRELIMINARY, "parked": item_states.PARKED,
        "to-read": item_states.UNREAD,
    }  # fmt: skip
    return Case(
        When(CANCELLED, then=Value("cancelled")),
        When(HELD, then=Value("held")),
        When(report__state=report_states.FINAL, then=Value("final")),
        *(When(reading_item__state=state, then=Value(stage)) for stage, state in item.items()),
        When(_step_in(states.STARTED), then=Value("acquiring")),
        When(_step_in(states.COMPLETED), then=Value("acquired")),
        When(_step_in(states.DISCONTINUED), then=Value("discontinued")),
        When(_step_in(states.ARRIVED), then=Value("arrived")),
        When(_step_in(states.SCHEDULED, device__isnull=False), then=Value("scheduled")),
        default=Value("ordered"),
    )


def _select_tasks(viewer: User) -> QuerySet[RequestedProcedure]:
    return visible_procedures(viewer).annotate(stage=_stage())


def _build_task(row: Any, page: Page) -> Json:
    order, item, report = row.order, getattr(row, "reading_item", None), getattr(row, "report", None)
    owner = item.reader if item is not None else None
    released = report is not None and report.state != report_states.DRAFT
    return {
        "identifier": order_identifiers(order, page),
        "basedOn": [reference("ServiceRequest", row.pk)],
        "status": STATUS[row.stage],
        "businessStatus": concept(coding(STAGE_SYSTEM, row.stage, row.stage)),
        "intent": "order",
        "priority": PRIORITIES[order.priority],
        "code": concept(coding(TASK_CODE, "fulfill"), text=procedure_concept(row)["text"]),
        "focus": reference("ServiceRequest", row.pk),
        "for": reference("Patient", order.patient_id),
        "encounter": reference("Encounter", order.visit_id),
        "authoredOn": instant(order.placed_at),
        "owner": reference("Practitioner", owner.pk, owner.display_name) if owner else None,
        "restriction": {"period": {"end": instant(item.due_at)}} if item is not None else None,
        "output": [{"type": {"text": "report"}, "valueReference": reference("DiagnosticReport", report.pk)}]
        if released and report is not None
        else [],
    }


def _status_choices() -> dict[str, Q]:
    stages: dict[str, list[str]] = {}
    for stage, status in STATUS.items():
        stages.setdefault(status, []).append(stage)
    return {status: Q(stage__in=names) for status, names in stages.items()}


TASK = ResourceType(
    name="Task",
    model=RequestedProcedure,
    visible=_select_tasks,
    load=lambda rows: load_procedures(rows).select_related("reading_item__reader"),
    build=_build_task,
    patient=lambda row: row.order.patient_id,
    changes=AccessionChanges("order__accession"),
    mandatory=("status", "intent"),
    sort={"authored-on": "order__placed_at"},
    own_parameters=(
        patient_parameter("patient", "order__patient", "for"),
        patient_parameter("subject", "order__patient", "for"),
        token_parameter("identifier", by_order_number()),
        choice_parameter("status", _status_choices()),
        choice_parameter("business-status", {stage: Q(stage=stage) for stage in STATUS}),
        reference_parameter("owner", "reading_item__reader", "Practitioner", path="owner", nullable=True),
        reference_parameter("focus", "pk", "ServiceRequest", path="focus"),
        reference_parameter("based-on", "pk", "ServiceRequest", path="basedOn"),
        token_parameter("code", lambda term: by_procedure_code()(term)),
        date_parameter("authored-on", "order__placed_at"),
        column_token("priority", "order__priority", codes={code: own for own, code in PRIORITIES.items()}),
    ),
)

APPOINTMENT_STATES = {
    states.SCHEDULED: "booked", states.ARRIVED: "arrived", states.STARTED: "checked-in", states.COMPLETED: "fulfilled",
    states.DISCONTINUED: "fulfilled", states.CANCELLED: "cancelled",
}  # fmt: skip


def _select_steps(viewer: User) -> QuerySet[ScheduledStep]:
    require_orders(viewer)
    return steps_for(viewer)


def _build_appointment(row: ScheduledStep, page: Page) -> Json:
    procedure, order = row.procedure, row.procedure.order
    actors = [reference("Patient", order.patient_id), reference("Location", order.site_id, order.site.name)]
    actors += [reference("Device", row.device_id, row.device.ae_title)] if row.device else []
    return {
        "identifier": order_identifiers(order, page)[2:],
        "status": APPOINTMENT_STATES[row.state],
        "serviceCategory": [concept(coding(SNOMED, "363679005", "Imaging"))],
        "serviceType": [procedure_concept(procedure)],
        "cancelationReason": concept(coding(f"{TERMINOLOGY}appointment-cancellation-reason", "other", "Other"))
        if row.state == states.CANCELLED
        else None,
        "description": row.description or procedure.code_text,
        "start": instant(row.start),
        "end": instant(row.start + timedelta(minutes=row.minutes)),
        "minutesDuration": row.minutes,
        "created": instant(order.placed_at),
        "basedOn": [reference("ServiceRequest", procedure.pk)],
        "participant": [{"actor": actor, "status": "accepted"} for actor in actors],
    }


def _appointment_choices() -> dict[str, Q]:
    found: dict[str, list[str]] = {}
    for state, status in APPOINTMENT_STATES.items():
        found.setdefault(status, []).append(state)
    return {status: Q(state__in=names) for status, names in found.items()}


APPOINTMENT = ResourceType(
    name="Appointment",
    model=ScheduledStep,
    visible=_select_steps,
    load=lambda rows: rows,
    build=_build_appointment,
    patient=lambda row: row.procedure.order.patient_id,
    changes=AccessionChanges("procedure__order__accession"),
    mandatory=("status", "participant"),
    sort={"date": "start"},
    own_parameters=(
        patient_parameter("patient", "procedure__order__patient", "participant.actor"),
        reference_parameter("device", "device", "Device", path="participant.actor", nullable=True),
        reference_parameter("location", "procedure__order__site", "Location", path="participant.actor"),
        token_parameter("identifier", by_order_number("procedure__order__")),
        choice_parameter("status", _appointment_choices()),
        date_parameter("date", "start"),
        token_parameter("service-type", by_procedure_code("procedure__")),
        reference_parameter("based-on", "procedure", "ServiceRequest", path="basedOn"),
    ),
)
