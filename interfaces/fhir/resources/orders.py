"""ServiceRequest: a requested procedure, with what its order says."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from reporting import states as report_states
from ris.access.visibility import open_rows
from ris.catalog.models import Procedure
from ris.orders import states
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from ..datatypes import (
    ACCESSION,
    DICOM_UID,
    FILLER,
    LOINC,
    NPI,
    PLACER,
    SNOMED,
    SYSTEM_OF_CODES,
    Json,
    authority_system,
    code_system,
    coding,
    concept,
    identifier,
    instant,
    person_name,
    reference,
    strip_uid,
    uid_identifier,
)
from ..resource_type import Page, ResourceType
from ..search.changes import AccessionChanges
from ..search.parameters import (
    ANYBODY,
    NOBODY,
    Term,
    choice_parameter,
    column_token,
    date_parameter,
    reference_parameter,
    token_parameter,
)
from .patient import authority_condition, patient_parameter, require_orders

PRIORITIES = {"STAT": "stat", "HIGH": "urgent", "MEDIUM": "asap", "ROUTINE": "routine"}
RADLEX = "http://radlex.org"
CPT = SYSTEM_OF_CODES["CPT"]
SIDES = {"L": ("7771000", "Left"), "R": ("24028007", "Right"), "B": ("51440002", "Right and left")}
"""Laterality → SNOMED CT."""

CANCELLED = Q(state=states.CANCELLED) | Q(order__state=states.CANCELLED)
HELD = Q(state=states.HELD) | Q(order__state=states.HELD)
REPORTED = Q(report__state=report_states.FINAL)
STATUS = {
    "revoked": CANCELLED,
    "on-hold": ~CANCELLED & HELD,
    "completed": ~CANCELLED & ~HELD & REPORTED,
    "active": ~CANCELLED & ~HELD & (Q(report__isnull=True) | ~REPORTED),
}
"""ServiceRequest.status → rows. Completed is what has a signed report."""


def visible_procedures(viewer: User) -> QuerySet[RequestedProcedure]:
    """Requested procedures at the viewer's sites. Raises Forbidden where their role sees no orders."""
    require_orders(viewer)
    rows = RequestedProcedure.objects.filter(order__site__in=sites_for(viewer, Can.SEE_ORDERS))
    return open_rows(rows, viewer, patient="order__patient", site="order__site")


def load_procedures(rows: QuerySet[RequestedProcedure]) -> QuerySet[RequestedProcedure]:
    """With their orders, reports and steps."""
    steps = ScheduledStep.objects.select_related("device").order_by("start", "pk")
    whole = rows.select_related("order__site", "order__referrer", "procedure", "report")
    return whole.prefetch_related(Prefetch("steps", steps))


def status_of_procedure(row: RequestedProcedure) -> str:
    """ServiceRequest.status, as :data:`STATUS` finds it."""
    both = {row.state, row.order.state}
    if states.CANCELLED in both:
        return "revoked"
    if states.HELD in both:
        return "on-hold"
    report = getattr(row, "report", None)
    return "completed" if report is not None and report.state == report_states.FINAL else "active"


def order_identifiers(order: Order, page: Page) -> list[Json | None]:
    """Placer number, filler number and accession number of an order."""
    placer = authority_system(order.placer_authority, page.authorities) if order.placer_authority else PLACER
    return [
        identifier(placer, order.placer_number, "PLAC"),
        identifier(FILLER, order.filler_number, "FILL"),
        identifier(ACCESSION, order.accession, "ACSN"),
    ]


def procedure_concept(row: RequestedProcedure) -> Json:
    """The procedure as it was sent, and by the codes that the catalog knows for it."""
    catalog: Procedure | None = row.procedure
    name = row.code_text or (catalog.name if catalog else "")
    known = [(CPT, catalog.cpt), (LOINC, catalog.loinc), (RADLEX, catalog.radlex)] if catalog else []
    codings = [
        coding(_own_system(row.coding_system), row.code, name),
        *(coding(system, code) for system, code in known),
    ]
    return concept(*codings, text=name)


def _own_system(name: str) -> str:
    return code_system("" if name == "L" else name)


def _requester(order: Order, page: Page) -> Json | None:
    """The user who ordered it, where the number is theirs; else the name as it was sent."""
    name = person_name(order.ordering_provider)
    if order.referrer_id:
        return reference("Practitioner", order.referrer_id, name)
    number = order.ordering_provider_id
    if not name and not number:
        return None
    authority = order.ordering_provider_authority
    system = NPI if authority.upper() == "NPI" else authority_system(authority or "unknown", page.authorities)
    return {"type": "Practitioner", "identifier": identifier(system, number), "display": name}


def _reasons(order: Order) -> list[Json]:
    """Reason codes and diagnoses of the order, and its reason in words where no code says it."""
    said = [*order.reason_codes, *(diagnosis[:3] for diagnosis in order.diagnoses)]
    coded = [concept(coding(code_system(system), code, text), text=text) for code, text, system in said]
    texts = {entry["text"] for entry in coded}
    return [*coded, *([{"text": order.reason}] if order.reason and order.reason not in texts else [])]


def _build(row: RequestedProcedure, page: Page) -> Json:
    order, steps = row.order, list(row.steps.all())
    side = SIDES.get(row.laterality)
    return {
        "identifier": [*order_identifiers(order, page), uid_identifier(row.study_uid)],
        "requisition": identifier(ACCESSION, order.accession, "ACSN"),
        "status": status_of_procedure(row),
        "intent": "order",
        "category": [concept(coding(SNOMED, "363679005", "Imaging"))],
        "priority": PRIORITIES[order.priority],
        "code": procedure_concept(row),
        "subject": reference("Patient", order.patient_id),
        "encounter": reference("Encounter", order.visit_id),
        "occurrenceDateTime": instant(steps[0].start) if steps else None,
        "authoredOn": instant(order.placed_at),
        "requester": _requester(order, page),
        "performer": [reference("Organization", order.site_id, order.site.name)],
        "reasonCode": _reasons(order),
        "bodySite": [concept(coding(SNOMED, *side))] if side else [],
        "note": [{"text": text} for text in (order.clinical_info, order.comments) if text],
    }


def by_order_number(prefix: str = "order__") -> Any:
    """The condition of a token that is a placer, filler or accession number, or a Study Instance UID."""

    def clause(term: Term) -> Q:
        system, value = term.token()
        if not value:
            return NOBODY
        uid = strip_uid(value)
        to_procedure = prefix.removesuffix("order__")
        fits = {
            ACCESSION: Q(**{f"{prefix}accession": value}),
            FILLER: Q(**{f"{prefix}filler_number": value}),
            DICOM_UID: Q(**{f"{to_procedure}study_uid": uid}) | Q(**{f"{to_procedure}performed_study_uid": uid}),
        }
        if system in fits:
            return fits[system]
        placed = Q(**{f"{prefix}placer_number": value})
        if not system:
            return placed | fits[ACCESSION] | fits[FILLER] | fits[DICOM_UID]
        return placed if system == PLACER else placed & authority_condition(system, f"{prefix}placer_authority")

    return clause


def by_procedure_code(prefix: str = "") -> Any:
    """The condition of a token that is a procedure's code: as it was sent, or CPT, LOINC, RadLex of the catalog."""

    def clause(term: Term) -> Q:
        system, code = term.token()
        columns = {CPT: "procedure__cpt", LOINC: "procedure__loinc", RADLEX: "procedure__radlex"}
        sent = Q(**{f"{prefix}code": code})
        if system in columns:
            names = [name for name, uri in SYSTEM_OF_CODES.items() if uri == system]
            return Q(**{f"{prefix}{columns[system]}": code}) | sent & Q(**{f"{prefix}coding_system__in": names})
        if system:
            return sent & Q(**{f"{prefix}coding_system__in": [system.removeprefix(code_system("x")[:-1]), "L"]})
        return sent | Q(**{f"{prefix}procedure__cpt": code}) | Q(**{f"{prefix}procedure__loinc": code})

    return clause


SERVICE_REQUEST = ResourceType(
    name="ServiceRequest",
    model=RequestedProcedure,
    visible=visible_procedures,
    load=load_procedures,
    build=_build,
    patient=lambda row: row.order.patient_id,
    changes=AccessionChanges("order__accession"),
    mandatory=("status", "intent", "subject"),
    sort={"authored": "order__placed_at"},
    revincludes=(
        "ImagingStudy:basedon", "DiagnosticReport:based-on", "Appointment:based-on", "Task:focus",
        "Observation:based-on",
    ),
    own_parameters=(
        patient_parameter("patient", "order__patient"),
        patient_parameter("subject", "order__patient"),
        token_parameter("identifier", by_order_number()),
        token_parameter("requisition", lambda term: Q(order__accession=term.token()[1])),
        choice_parameter("status", STATUS),
        choice_parameter("intent", {"order": ANYBODY}),
        choice_parameter("category", {"363679005": ANYBODY}, systems=(SNOMED,)),
        column_token("priority", "order__priority", codes={code: own for own, code in PRIORITIES.items()}),
        token_parameter("code", by_procedure_code()),
        date_parameter("authored", "order__placed_at"),
        reference_parameter("encounter", "order__visit", "Encounter", path="encounter", nullable=True),
        reference_parameter("requester", "order__referrer", "Practitioner", path="requester", nullable=True),
        reference_parameter("performer", "order__site", "Organization", path="performer"),
    ),
)  # fmt: skip
