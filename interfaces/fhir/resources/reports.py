"""DiagnosticReport with its presented forms, Observation of AI results, Provenance of what was released."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from reporting.models import Report, ReportVersion
from reporting.selectors import visible_reports
from ris.orders.models import PerformedStep, RequestedProcedure
from ris.people.models import User

from ..datatypes import (
    ACCESSION,
    LOINC,
    TERMINOLOGY,
    URN,
    Json,
    coding,
    concept,
    identifier,
    instant,
    reference,
)
from ..resource_type import Page, ResourceType
from ..search.changes import AccessionChanges, ColumnChanges
from ..search.parameters import (
    ANYBODY,
    Term,
    choice_parameter,
    date_parameter,
    reference_parameter,
    string_parameter,
    token_parameter,
)
from .orders import by_order_number, by_procedure_code, procedure_concept
from .patient import patient_parameter
from .presentation import PDF, PDFS, attachment, conclusion_of, narrative, presented_forms, render_html

STATUS = {
    ReportVersion.PRELIMINARY: "preliminary",
    ReportVersion.FINAL: "final",
    ReportVersion.ADDENDUM: "appended",
    ReportVersion.CORRECTED: "corrected",
    ReportVersion.RETRACTED: "entered-in-error",
    None: "partial",
}
"""Kind of the version released last → DiagnosticReport.status; a draft of which nothing was released is partial."""
RADIOLOGY = ("LP29684-5", "Radiology")
CATEGORIES = {"RAD": ANYBODY, RADIOLOGY[0]: ANYBODY}
IMAGING_REPORT = ("18748-4", "Diagnostic imaging study")


def select_reports(viewer: User) -> QuerySet[Report]:
    """The viewer's reports, with when the exam began and what was released last."""
    released = ReportVersion.objects.filter(report=OuterRef("pk")).order_by("-number")
    performed = PerformedStep.objects.filter(steps__procedure=OuterRef("procedure")).order_by("started_at")
    shared = RequestedProcedure.objects.filter(study_uid=OuterRef("procedure__performed_study_uid"))
    return visible_reports(viewer).annotate(
        exam_at=Coalesce(Subquery(performed.values("started_at")[:1]), "item__opened_at"),
        last_kind=Subquery(released.values("kind")[:1]),
        issued_at=Subquery(released.values("signed_at")[:1]),
        image_owner=Coalesce(Subquery(shared.values("pk")[:1]), "procedure"),
    )


def _load(rows: QuerySet[Report]) -> QuerySet[Report]:
    versions = ReportVersion.objects.select_related("author", "first_author").order_by("number")
    whole = rows.select_related("procedure__procedure", "procedure__order__site", "procedure__order__patient", "item")
    return whole.prefetch_related(Prefetch("versions", versions))


def _complete(report: Report, resource: Json) -> Json:
    """With the size and the hash of the PDF, for whoever reads one report."""
    versions = list(report.versions.all())
    if not versions:
        return resource
    html, pdf = resource["presentedForm"]
    content = PDFS.pdf_of(versions[-1])
    return resource | {"presentedForm": [html, attachment(PDF, content, **pdf)]}


def _interpreters(versions: list[ReportVersion]) -> list[Json | None]:
    """Who signed last, then who wrote a preliminary report."""
    people = {version.author_id: version.author for version in reversed(versions)}
    people |= {version.first_author.pk: version.first_author for version in versions if version.first_author}
    return [reference("Practitioner", pk, person.display_name) for pk, person in people.items()]


def _report_code(procedure: RequestedProcedure) -> Json:
    code = procedure_concept(procedure)
    if all(one is None or one["system"] != LOINC for one in code["coding"]):
        code["coding"].append(coding(LOINC, *IMAGING_REPORT))
    return code


def _build(report: Any, page: Page) -> Json:
    procedure, versions = report.procedure, list(report.versions.all())
    order, last = procedure.order, versions[-1] if versions else None
    body = render_html(versions)
    title = procedure.code_text or (procedure.procedure.name if procedure.procedure else "") or "Imaging report"
    return {
        "text": narrative(body),
        "identifier": [
            identifier(f"{URN}report", str(report.pk)),
            identifier(ACCESSION, order.accession, "ACSN"),
        ],
        "basedOn": [reference("ServiceRequest", procedure.pk)],
        "status": STATUS[report.last_kind],
        "category": [concept(coding(LOINC, *RADIOLOGY), coding(f"{TERMINOLOGY}v2-0074", "RAD", "Radiology"))],
        "code": _report_code(procedure),
        "subject": reference("Patient", order.patient_id),
        "encounter": reference("Encounter", order.visit_id),
        "effectiveDateTime": instant(report.exam_at),
        "issued": instant(report.issued_at),
        "performer": [reference("Organization", order.site_id, order.site.name)],
        "resultsInterpreter": _interpreters(versions),
        "imagingStudy": [reference("ImagingStudy", report.image_owner)],
        "conclusion": conclusion_of(versions),
        "presentedForm": presented_forms(last, body, title, page) if last else [],
    }  # fmt: skip


def _status_choices() -> dict[str, Q]:
    return {code: Q(last_kind=kind) if kind else Q(last_kind__isnull=True) for kind, code in STATUS.items()}


def _by_identifier(term: Term) -> Q:
    system, value = term.token()
    own = Q(pk=value) if value.isascii() and value.isdigit() and len(value) < 19 else Q(pk__in=())
    if system == f"{URN}report":
        return own
    numbered: Q = by_order_number("procedure__order__")(term)
    return numbered if system else numbered | own


DIAGNOSTIC_REPORT = ResourceType(
    name="DiagnosticReport",
    model=Report,
    visible=select_reports,
    load=_load,
    build=_build,
    complete=_complete,
    patient=lambda row: row.procedure.order.patient_id,
    changes=AccessionChanges("procedure__order__accession"),
    mandatory=("status", "code", "subject"),
    sort={"date": "exam_at"},
    revincludes=("Provenance:target",),
    own_parameters=(
        patient_parameter("patient", "procedure__order__patient"),
        patient_parameter("subject", "procedure__order__patient"),
        token_parameter("identifier", _by_identifier),
        choice_parameter("status", _status_choices()),
        choice_parameter("category", CATEGORIES, systems=(LOINC, f"{TERMINOLOGY}v2-0074")),
        token_parameter("code", by_procedure_code("procedure__")),
        date_parameter("date", "exam_at"),
        date_parameter("issued", "issued_at"),
        reference_parameter("based-on", "procedure", "ServiceRequest", path="basedOn"),
        reference_parameter("encounter", "procedure__order__visit", "Encounter", path="encounter", nullable=True),
        reference_parameter("performer", "procedure__order__site", "Organization", path="performer"),
        reference_parameter("results-interpreter", "author", "Practitioner", path="resultsInterpreter"),
        reference_parameter("imagingStudy", "image_owner", "ImagingStudy", path="imagingStudy"),
        string_parameter("conclusion", "versions__impression"),
    ),
)


def _select_versions(viewer: User) -> QuerySet[ReportVersion]:
    return ReportVersion.objects.filter(report__in=visible_reports(viewer).order_by().values("pk"))


def _load_versions(rows: QuerySet[ReportVersion]) -> QuerySet[ReportVersion]:
    whole = rows.select_related("author", "first_author", "report__procedure__order__site")
    return whole.select_related("report__procedure__order__patient")


def _build_provenance(version: ReportVersion, page: Page) -> Json:
    """Who stands for a version: its author (and verifier, once it is signed), and whose preliminary report it was."""
    signed = version.kind != ReportVersion.PRELIMINARY
    site = version.report.procedure.order.site
    people = [("verifier" if signed else "author", version.author)]
    if version.first_author:
        people.append(("author", version.first_author))
    return {
        "target": [reference("DiagnosticReport", version.report_id)],
        "recorded": instant(version.signed_at),
        "activity": concept(coding(f"{TERMINOLOGY}v3-DataOperation", "CREATE" if version.number == 1 else "UPDATE")),
        "reason": [{"text": version.reason}] if version.reason else [],
        "agent": [
            {
                "type": concept(coding(f"{TERMINOLOGY}provenance-participant-type", kind)),
                "who": reference("Practitioner", person.pk, person.display_name),
                "onBehalfOf": reference("Organization", site.pk, site.name),
            }
            for kind, person in people
        ],
    }


PROVENANCE = ResourceType(
    name="Provenance",
    model=ReportVersion,
    visible=_select_versions,
    load=_load_versions,
    build=_build_provenance,
    patient=lambda row: row.report.procedure.order.patient_id,
    changes=ColumnChanges("signed_at"),
    mandatory=("target", "recorded", "agent"),
    sort={"recorded": "signed_at"},
    own_parameters=(
        reference_parameter("target", "report", "DiagnosticReport", path="target"),
        reference_parameter("agent", "author", "Practitioner", path="agent.who"),
        patient_parameter("patient", "report__procedure__order__patient", path=""),
        date_parameter("recorded", "signed_at"),
    ),
)

BINARY = replace(PROVENANCE, name="Binary")
"""The PDF of a released version; read by id only, so it is no type of the registry."""
