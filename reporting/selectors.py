"""Questions about reports and their patients' priors, narrowed to what the viewer may see; facts for the checks."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.db.models import Case, F, IntegerField, Min, Q, QuerySet, Value, When

from ris.access.visibility import emergency_patients, open_rows
from ris.kernel.db.transitions import StatefulQuerySet
from ris.kernel.errors import Conflict, Forbidden, NotFound
from ris.orders.models import RequestedProcedure
from ris.orders.selectors import orders_of_referrer
from ris.orders.states import CANCELLED
from ris.patients.models import Patient
from ris.people.models import User
from ris.people.roles import Can, Role
from ris.people.selectors import has_role, permissions_of, sites_for
from worklist.models import PriorPlan, ReadingItem

from . import states
from .checks import Communication, Facts, PriorExam, side_of_procedure
from .models import OutsideDocument, Report, ReportVersion

RELEASED = (states.PRELIMINARY, states.RETURNED, states.FINAL, states.RETRACTED)
MOST_PRIORS = 200
"""Of a patient that are compared with: more were never seen, and each costs a comparison."""


OF_REPORT = {"patient": "procedure__order__patient", "site": "item__site"}
"""The ways from a report to its patient and to its site, for ``open_rows``."""


def visible_reports(viewer: User) -> StatefulQuerySet[Report]:
    """Reports at the viewer's sites: those who read see drafts, others what was released.

    A referrer without any other role sees the reports of their own orders only.
    """
    cans = permissions_of(viewer)
    if Can.SEE_REPORTS not in cans:
        raise Forbidden("Your role does not include seeing reports.", code="role")
    sites = list(sites_for(viewer, Can.SEE_REPORTS).values_list("pk", flat=True))
    reports = open_rows(Report.objects.filter(item__site__in=sites), viewer, **OF_REPORT)
    reports = reports.select_related("author", "item__procedure__order__patient")
    if Can.READ_CASES in cans:
        return reports
    reports = released(reports)
    if has_role(viewer, Role.REFERRER) and Can.SEE_ORDERS not in cans:
        own = Q(procedure__order__in=orders_of_referrer(viewer).values("pk"))
        reports = reports.filter(own | Q(procedure__order__patient__in=emergency_patients(viewer)))
    return reports


def released(reports: StatefulQuerySet[Report]) -> StatefulQuerySet[Report]:
    """Those of which something was released: also those that are written anew after a retraction."""
    return reports.filter(Q(state__in=RELEASED) | Q(edition__gt=1))


def report_for(viewer: User, report_id: int) -> Report:
    """One visible report. Raises NotFound."""
    report = visible_reports(viewer).filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    return report


def report_of_item(viewer: User, item_id: int) -> Report | None:
    """The visible report of a reading item, if one was begun."""
    return visible_reports(viewer).filter(item=item_id).first()


def versions_of(report: Report) -> QuerySet[ReportVersion]:
    """What was released of the report, in order, with authors and overrides."""
    return report.versions.select_related("author", "first_author").prefetch_related("overrides").order_by("number")


def versions_for(viewer: User, report: Report) -> QuerySet[ReportVersion]:
    """The same, as the viewer may see them: what was retracted is read by those who read cases only, since it may be of
    another patient; others see that it was retracted."""
    versions = versions_of(report)
    if Can.READ_CASES in permissions_of(viewer):
        return versions
    gone = report.versions.filter(kind=ReportVersion.RETRACTED).values("edition")
    return versions.exclude(Q(edition__in=gone) & ~Q(kind=ReportVersion.RETRACTED))


def may_retract(viewer: User, report: Report) -> bool:
    """Whether the viewer may take the report back, as it stands now."""
    stands = report.state in states.RETRACT.sources
    return stands and sites_for(viewer, Can.RETRACT_REPORTS).filter(pk=report.item.site_id).exists()


_FHIR_OF_FINAL = {ReportVersion.ADDENDUM: "appended", ReportVersion.CORRECTED: "corrected"}
_FHIR = {states.PRELIMINARY: "preliminary", states.RETURNED: "preliminary", states.RETRACTED: "entered-in-error",
         states.CANCELLED: "cancelled", states.DRAFT: "registered"}  # fmt: skip


def fhir_status(report: Report) -> str:
    """DiagnosticReport.status of the report as it stands (FHIR R4, value set diagnostic-report-status)."""
    if report.state != states.FINAL:
        return _FHIR[report.state]
    last = report.versions.order_by("-number").first()
    return _FHIR_OF_FINAL.get(last.kind, "final") if last else "final"


def may_correct(viewer: User, report: Report) -> bool:
    """Whether the viewer may correct it: who signed its text (or a correction), or who leads reading at its site."""
    site = report.item.site_id
    if not sites_for(viewer, Can.SIGN_REPORTS).filter(pk=site).exists():
        return False
    # Who signed an addendum only is no author of the text.
    texts = report.versions.filter(kind__in=[ReportVersion.FINAL, ReportVersion.CORRECTED])
    return texts.filter(author=viewer).exists() or sites_for(viewer, Can.LEAD_READING).filter(pk=site).exists()


def correctable(viewer: User, report_id: int) -> Report:
    """A visible final report that the viewer may correct. Raises NotFound, Forbidden, Conflict."""
    report = report_for(viewer, report_id)
    if not may_correct(viewer, report):
        raise Forbidden("Who signed a report corrects it, or who leads reading at its site.", code="not-author")
    if report.state != states.FINAL:
        raise Conflict("Only a final report is corrected; this one can still be written.")
    return report


def priors_of(viewer: User, item: ReadingItem) -> QuerySet[RequestedProcedure]:
    """Other exams of the same patient at the viewer's sites: same region first, then the newest."""
    sites = list(sites_for(viewer, Can.SEE_ORDERS).values_list("pk", flat=True))
    patient = item.procedure.order.patient_id
    others = RequestedProcedure.objects.filter(order__patient=patient, order__site__in=sites).exclude(state=CANCELLED)
    alike = Case(
        When(procedure__body_region=item.region or "?", then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return (
        others.exclude(pk=item.procedure_id)
        .select_related("order__site", "procedure", "report", "reading_item")
        .annotate(unlike=alike)
        .order_by("unlike", "-order__placed_at", "-pk")
    )


def facts_of(report: Report) -> Facts:
    """What is known beside the text of a report: order, patient, priors; for the checks before signing.

    What is not on record stays unknown, and then no check speaks of it.
    """
    procedure = report.procedure
    patient = procedure.order.patient
    exam_date = _exam_date(procedure)
    name, modality, laterality = _ordered(report)
    return Facts(
        procedure=name,
        modality=modality,
        laterality=laterality,
        sex=patient.sex if patient.sex in ("F", "M") else "",
        age=_years(patient.birth_date, exam_date),
        exam_date=exam_date,
        priors=_priors(procedure),
        patient_name=" ".join([patient.family_name, patient.given_name, patient.middle_name]).strip(),
        patient_id=" ".join(patient.identifiers.values_list("value", flat=True)),
        # A finding that is marked as critical is told by the mark.
        communications=(Communication("critical result", "marked"),)
        if report.critical_level or report.communications.exists()
        else (),
    )


def _ordered(report: Report) -> tuple[str, str, str]:
    """What was ordered: exam, modality, side. Of a common report all exams, and the rest where they agree."""
    covered = report.covered.select_related("procedure__procedure").order_by("pk")
    exams = [report.procedure, *(row.procedure for row in covered)]
    names = [exam.procedure.name if exam.procedure else str(exam) for exam in exams]
    sides = {exam.laterality or side_of_procedure(name) for exam, name in zip(exams, names, strict=True)}
    modalities = {exam.modality for exam in exams}
    modality, side = (values.pop() if len(values) == 1 else "" for values in (modalities, sides))
    return " + ".join(names), modality, side


def covered_items(item: ReadingItem) -> set[int]:
    """Reading items of the exams that the item's text covers beside its own."""
    return set(Report.objects.filter(common_with__item=item).values_list("item_id", flat=True))


def common_exams(report: Report) -> list[Report]:
    """The other reports of a common report, the leading one first; none where it is of one exam."""
    leads = report.common_with_id or report.pk
    rows = Report.objects.filter(Q(pk=leads) | Q(common_with=leads)).exclude(pk=report.pk)
    return list(rows.select_related("procedure", "item").order_by(F("common_with").asc(nulls_first=True), "pk"))


def _exam_date(procedure: RequestedProcedure) -> date:
    """The day on which the exam began, at its site; before that the day of its order."""
    zone = ZoneInfo(procedure.order.site.time_zone)
    begun = procedure.steps.aggregate(at=Min("performed__started_at"))["at"]
    return (begun or procedure.order.placed_at).astimezone(zone).date()


def _years(birth_date: date | None, day: date) -> float | None:
    return round((day - birth_date).days / 365.25, 1) if birth_date else None


def _priors(procedure: RequestedProcedure) -> tuple[PriorExam, ...] | None:
    """Exams done here, studies that archives have, and reports made elsewhere. None where nothing is known of any:
    then an archive may still have some."""
    order = procedure.order
    others = RequestedProcedure.objects.filter(order__patient=order.patient_id).exclude(pk=procedure.pk)
    # An exam that never began has no images to compare with.
    done = others.annotate(at=Min("steps__performed__started_at")).exclude(at=None).select_related("order__site")
    priors = [
        PriorExam(
            row.at.astimezone(ZoneInfo(row.order.site.time_zone)).date(), row.modality, str(row), row.order.accession
        )
        for row in done.order_by(F("at").desc())[:MOST_PRIORS]
    ]
    # Plans with a prior are exams of this system and stand above already.
    plans = PriorPlan.objects.filter(procedure=procedure, prior=None)[:MOST_PRIORS]
    priors += [PriorExam(plan.day, plan.modality, plan.description or plan.region) for plan in plans]
    priors += _outside(order.patient)
    return tuple(priors) or None


def _outside(patient: Patient) -> list[PriorExam]:
    rows = OutsideDocument.objects.filter(patient=patient).values_list("dated_at", "title", "accession")[:MOST_PRIORS]
    return [PriorExam(dated_at.date(), "", title, accession) for dated_at, title, accession in rows]
