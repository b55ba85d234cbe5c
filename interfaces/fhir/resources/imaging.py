"""ImagingStudy: what was, or is being, imaged for a requested procedure. Endpoint: where its images are."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from interfaces.dicom.models import Archive
from reporting import states as report_states
from ris.kernel.values import id_or_none
from ris.orders import states
from ris.orders.models import PerformedStep, RequestedProcedure, ScheduledStep
from ris.people.models import User

from ..datatypes import (
    ACCESSION,
    DCM,
    TERMINOLOGY,
    Json,
    coding,
    identifier,
    instant,
    reference,
    uid_identifier,
)
from ..resource_type import Page, ResourceType
from ..search.changes import AccessionChanges
from ..search.dates import date_condition
from ..search.parameters import (
    ANYBODY,
    NOBODY,
    SearchParameter,
    Term,
    choice_parameter,
    reference_parameter,
    string_parameter,
    token_parameter,
)
from .orders import by_order_number, procedure_concept, visible_procedures
from .patient import patient_parameter, require_orders

BEGUN = (states.STARTED, states.COMPLETED, states.DISCONTINUED)
GONE = Q(study__withdrawn_at__isnull=False, study__instances=0)
THERE = Q(study__isnull=False) & ~GONE
CANCELLED = Q(state=states.CANCELLED) | Q(order__state=states.CANCELLED)
STATUS = {
    "available": THERE,
    "cancelled": ~THERE & (GONE | CANCELLED),
    "registered": Q(study__isnull=True) & ~CANCELLED,
}
"""ImagingStudy.status → rows. Images that are there stay available, whatever became of the order."""


def _select(viewer: User) -> QuerySet[RequestedProcedure]:
    """Procedures of which an exam has begun, or images came; in a group case the one whose study has the images."""
    begun = ScheduledStep.objects.filter(procedure=OuterRef("pk"), state__in=BEGUN)
    return visible_procedures(viewer).filter(performed_study_uid="").filter(Q(study__isnull=False) | Exists(begun))


def _load(rows: QuerySet[RequestedProcedure]) -> QuerySet[RequestedProcedure]:
    performed = PerformedStep.objects.select_related("device").order_by("started_at", "pk")
    steps = ScheduledStep.objects.prefetch_related(Prefetch("performed", performed)).order_by("start", "pk")
    whole = rows.select_related("order__site", "procedure", "study", "report__author")
    return whole.prefetch_related(Prefetch("steps", steps))


def _performed(row: RequestedProcedure) -> list[PerformedStep]:
    steps = {performed.pk: performed for step in row.steps.all() for performed in step.performed.all()}
    return sorted(steps.values(), key=lambda performed: performed.started_at)


def _status(row: RequestedProcedure) -> str:
    study = getattr(row, "study", None)
    if study is not None and (study.withdrawn_at is None or study.instances):
        return "available"
    if study is not None or states.CANCELLED in (row.state, row.order.state):
        return "cancelled"
    return "registered"


def _series(performed: list[PerformedStep], fallback: str) -> list[Json]:
    """The series that devices said they made (MPPS, (0040,0340)); each once."""
    series: dict[str, Json] = {}
    for step in performed:
        for told in step.series:
            if uid := told.get("uid"):
                images = told.get("images", 0) + told.get("others", 0)
                series[uid] = {
                    "uid": uid,
                    "modality": coding(DCM, step.modality or fallback),
                    "description": told.get("description") or told.get("protocol"),
                    "numberOfInstances": images or None,
                    "started": instant(step.started_at),
                    "performer": [{"actor": reference("Device", step.device_id)}] if step.device_id else [],
                }
    return list(series.values())


def _requested(row: RequestedProcedure, page: Page) -> list[int]:
    """The procedure, and those whose images are in its study (group case)."""
    return [row.pk, *page.of_rows("sharing", _sharing).get(row.study_uid, [])]


def _sharing(rows: Sequence[RequestedProcedure]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    uids = [row.study_uid for row in rows]
    sharing = RequestedProcedure.objects.filter(performed_study_uid__in=uids).exclude(performed_study_uid="")
    for uid, pk in sharing.order_by("pk").values_list("performed_study_uid", "pk"):
        found.setdefault(uid, []).append(pk)
    return found


def _interpreter(row: RequestedProcedure) -> list[Json | None]:
    """Who wrote the report, once it was released."""
    report = getattr(row, "report", None)
    if report is None or report.state == report_states.DRAFT:
        return []
    return [reference("Practitioner", report.author_id, report.author.display_name)]


def _build(row: RequestedProcedure, page: Page) -> Json:
    order, performed, study = row.order, _performed(row), getattr(row, "study", None)
    series = _series(performed, row.modality)
    modalities = {row.modality, *(step.modality for step in performed)}
    return {
        "identifier": [uid_identifier(row.study_uid), identifier(ACCESSION, order.accession, "ACSN")],
        "status": _status(row),
        "modality": [coding(DCM, name) for name in sorted(modalities - {""})],
        "subject": reference("Patient", order.patient_id),
        "encounter": reference("Encounter", order.visit_id),
        "started": instant(performed[0].started_at) if performed else None,
        "basedOn": [reference("ServiceRequest", pk) for pk in _requested(row, page)],
        "interpreter": _interpreter(row),
        "endpoint": [reference("Endpoint", archive.pk) for archive in page.archives],
        "numberOfSeries": len(series) or None,
        "numberOfInstances": (study.instances if study else 0) or None,
        "procedureCode": [procedure_concept(row)],
        "location": reference("Location", order.site_id, order.site.name),
        "description": row.code_text or (row.procedure.name if row.procedure else ""),
        "series": series,
    }


def _by_modality(term: Term) -> Q:
    return Q(modality=term.token()[1])


def _by_start(term: Term) -> Q:
    """By the start of any performed step: those of one study begin within the hour."""
    fits = date_condition("performed__started_at", term.text, at=term.at)
    return Q(pk__in=ScheduledStep.objects.filter(fits).values("procedure"))


def _by_endpoint(term: Term) -> Q:
    """Every study is where every archive is."""
    pk = id_or_none(term.text.rpartition("/")[2]) or 0
    return ANYBODY if Archive.objects.filter(pk=pk, enabled=True).exclude(dicomweb="").exists() else NOBODY


IMAGING_STUDY = ResourceType(
    name="ImagingStudy",
    model=RequestedProcedure,
    visible=_select,
    load=_load,
    build=_build,
    patient=lambda row: row.order.patient_id,
    changes=AccessionChanges("order__accession"),
    mandatory=("status", "subject"),
    revincludes=("DiagnosticReport:imagingStudy", "Observation:part-of"),
    own_parameters=(
        patient_parameter("patient", "order__patient"),
        patient_parameter("subject", "order__patient"),
        token_parameter("identifier", by_order_number()),
        choice_parameter("status", STATUS),
        token_parameter("modality", _by_modality),
        SearchParameter(name="started", type="date", clause=_by_start),
        reference_parameter("basedon", "pk", "ServiceRequest", path="basedOn"),
        reference_parameter("based-on", "pk", "ServiceRequest", path="basedOn"),
        reference_parameter("encounter", "order__visit", "Encounter", path="encounter", nullable=True),
        reference_parameter("interpreter", "report__author", "Practitioner", path="interpreter"),
        SearchParameter(
            name="endpoint", type="reference", clause=_by_endpoint, targets=("Endpoint",), path="endpoint"
        ),
        string_parameter("bodysite", "procedure__body_region"),
    ),
)  # fmt: skip


def _select_endpoints(viewer: User) -> QuerySet[Archive]:
    require_orders(viewer)
    return Archive.objects.exclude(dicomweb="")


def _build_endpoint(row: Archive, page: Page) -> Json:
    return {
        "status": "active" if row.enabled else "off",
        "connectionType": coding(f"{TERMINOLOGY}endpoint-connection-type", "dicom-wado-rs", "DICOM WADO-RS"),
        "name": row.name,
        "payloadType": [{"text": "DICOM instances"}],
        "payloadMimeType": ["application/dicom"],
        "address": row.dicomweb,
    }


ENDPOINT = ResourceType(
    name="Endpoint",
    model=Archive,
    visible=_select_endpoints,
    load=lambda rows: rows,
    build=_build_endpoint,
    mandatory=("status", "connectionType", "payloadType", "address"),
    own_parameters=(
        string_parameter("name", "name"),
        choice_parameter("status", {"active": Q(enabled=True), "off": Q(enabled=False)}),
    ),
)
