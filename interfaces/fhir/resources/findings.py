"""Observation of AI results, Communication about cases that wait too long, AuditEvent."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from ris.audit.models import AuditEvent
from ris.kernel.errors import Forbidden
from ris.patients.selectors import visible_patients
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for
from worklist.models import AiFlag, Escalation
from worklist.selectors import visible_items
from worklist.selectors.lead import of_open_patients

from ..datatypes import TERMINOLOGY, URN, Json, code_system, coding, concept, instant, reference
from ..resource_type import Page, ResourceType
from ..search.changes import ColumnChanges
from ..search.parameters import choice_parameter, column_token, date_parameter, reference_parameter, token_parameter
from .patient import patient_parameter

VERDICTS = {True: ("POS", "Positive"), False: ("NEG", "Negative")}
INTERPRETATION = f"{TERMINOLOGY}v3-ObservationInterpretation"
FINDING = f"{URN}finding"


def select_flags(viewer: User) -> QuerySet[AiFlag]:
    """AI results of cases on the viewer's worklist. Raises Forbidden where their role has none."""
    if Can.SEE_WORKLIST not in permissions_of(viewer):
        raise Forbidden("Your role does not include seeing the worklist.", code="role")
    return AiFlag.objects.filter(item__in=visible_items(viewer).values("pk"))


def _build_flag(row: AiFlag, page: Page) -> Json:
    procedure = row.item.procedure
    order = procedure.order
    score = {"value": row.score} if row.score is not None else None
    return {
        "basedOn": [reference("ServiceRequest", procedure.pk)],
        "partOf": [reference("ImagingStudy", procedure.pk)],
        "status": "final",
        "category": [concept(coding(f"{TERMINOLOGY}observation-category", "imaging", "Imaging"))],
        "code": concept(coding(FINDING, row.code), text=row.code),
        "subject": reference("Patient", order.patient_id),
        "encounter": reference("Encounter", order.visit_id),
        "effectiveDateTime": instant(row.result_at),
        "issued": instant(row.received_at),
        "valueBoolean": row.positive,
        "interpretation": [concept(coding(INTERPRETATION, *VERDICTS[row.positive]))],
        "device": {"type": "Device", "display": row.vendor},
        "component": [{"code": {"text": "score"}, "valueQuantity": score}] if score else [],
    }


OBSERVATION = ResourceType(
    name="Observation",
    model=AiFlag,
    visible=select_flags,
    load=lambda rows: rows.select_related("item__procedure__order"),
    build=_build_flag,
    patient=lambda row: row.item.procedure.order.patient_id,
    changes=ColumnChanges("received_at"),
    mandatory=("status", "code"),
    sort={"date": "result_at"},
    own_parameters=(
        patient_parameter("patient", "item__procedure__order__patient"),
        patient_parameter("subject", "item__procedure__order__patient"),
        column_token("code", "code"),
        choice_parameter("value-boolean", {"true": Q(positive=True), "false": Q(positive=False)}, is_closed=True),
        choice_parameter("category", {"imaging": ~Q(pk__in=())}),
        choice_parameter("status", {"final": ~Q(pk__in=())}),
        date_parameter("date", "result_at"),
        reference_parameter("based-on", "item__procedure", "ServiceRequest", path="basedOn"),
        reference_parameter("part-of", "item__procedure", "ImagingStudy", path="partOf"),
    ),
)


def select_escalations(viewer: User) -> QuerySet[Escalation]:
    """Rungs that cases reached at the sites whose reading the viewer leads. Raises Forbidden for everybody else."""
    if Can.LEAD_READING not in permissions_of(viewer):
        raise Forbidden("Your role does not include leading the reading.", code="role")
    rows = Escalation.objects.filter(item__site__in=sites_for(viewer, Can.LEAD_READING))
    return of_open_patients(rows, viewer)


def _build_escalation(row: Escalation, page: Page) -> Json:
    procedure = row.item.procedure
    return {
        "basedOn": [reference("ServiceRequest", procedure.pk)],
        "status": "completed" if row.acknowledged_at else "in-progress",
        "category": [concept(coding(f"{TERMINOLOGY}communication-category", "alert", "Alert"))],
        "priority": "urgent" if row.rung >= 3 else "routine",
        "subject": reference("Patient", procedure.order.patient_id),
        "topic": {"text": "Time to read the case is over" if row.rung >= 4 else "Time to read the case runs out"},
        "about": [reference("Task", procedure.pk)],
        "sent": instant(row.at),
        "received": instant(row.acknowledged_at),
        "recipient": [reference("Practitioner", row.acknowledged_by.pk, row.acknowledged_by.display_name)]
        if row.acknowledged_by
        else [],
        "reasonCode": [{"text": f"Rung {row.rung} of 4"}],
    }


COMMUNICATION = ResourceType(
    name="Communication",
    model=Escalation,
    visible=select_escalations,
    load=lambda rows: rows.select_related("item__procedure__order", "acknowledged_by"),
    build=_build_escalation,
    patient=lambda row: row.item.procedure.order.patient_id,
    changes=ColumnChanges("at"),
    mandatory=("status",),
    sort={"sent": "at"},
    own_parameters=(
        patient_parameter("patient", "item__procedure__order__patient"),
        patient_parameter("subject", "item__procedure__order__patient"),
        choice_parameter(
            "status",
            {"in-progress": Q(acknowledged_at__isnull=True), "completed": Q(acknowledged_at__isnull=False)},
        ),
        reference_parameter("based-on", "item__procedure", "ServiceRequest", path="basedOn"),
        date_parameter("sent", "at"),
        date_parameter("received", "acknowledged_at", nullable=True),
    ),
)

READING = ("view", "read", "search", "download")
"""Last words of actions that change nothing."""


def _select_audit(viewer: User) -> QuerySet[AuditEvent]:
    """The trail, for who may see it: of patients whom they may see, and of no patient."""
    if Can.SEE_AUDIT not in permissions_of(viewer):
        raise Forbidden("Your role does not include seeing the audit trail.", code="role")
    return AuditEvent.objects.filter(Q(patient=None) | Q(patient__in=visible_patients(viewer).order_by().values("pk")))


def _build_audit(row: AuditEvent, page: Page) -> Json:
    is_reading = row.action.rpartition(".")[2] in READING
    who: Any = reference("Practitioner", row.user_id, row.actor) or {"display": row.actor}
    entities: list[Json] = [{"what": {"identifier": {"system": f"{URN}{row.subject}", "value": row.subject_id}}}]
    if row.patient_id:
        entities.append({"what": reference("Patient", row.patient_id)})
    return {
        "type": coding(f"{TERMINOLOGY}audit-event-type", "rest", "RESTful Operation"),
        "subtype": [coding(code_system("wetread-action"), row.action)],
        "action": "R" if is_reading else "E",
        "recorded": instant(row.at),
        "outcome": "0",
        "purposeOfEvent": [{"text": row.reason}] if row.reason else [],
        "agent": [
            {
                "who": who,
                "requestor": True,
                "network": {"address": row.source} if row.source else None,
            }
        ],
        "source": {"observer": {"display": "Wetread"}},
        "entity": entities,
    }


AUDIT_EVENT = ResourceType(
    name="AuditEvent",
    model=AuditEvent,
    visible=_select_audit,
    load=lambda rows: rows,
    build=_build_audit,
    patient=lambda row: row.patient_id,
    changes=ColumnChanges("at"),
    mandatory=("type", "recorded", "agent", "source"),
    sort={"date": "at"},
    own_parameters=(
        patient_parameter("patient", "patient", "entity.what"),
        date_parameter("date", "at"),
        reference_parameter("agent", "user", "Practitioner", path="agent.who", nullable=True),
        token_parameter("subtype", lambda term: Q(action=term.token()[1])),
        token_parameter("entity-type", lambda term: Q(subject=term.token()[1])),
    ),
)
