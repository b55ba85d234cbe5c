"""Facts of a report for the checks before signing: order, patient, and which priors are known."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.db.models import F, Min

from ris.orders.models import RequestedProcedure
from ris.patients.models import Patient
from worklist.models import PriorPlan

from ..checks import Communication, Facts, PriorExam, side_of_procedure
from ..models import OutsideDocument, Report

MOST_PRIORS = 200
"""Of a patient that are compared with: more were never seen, and each costs a comparison."""


def facts_of(report: Report) -> Facts:
    """What is known beside the text. What is not on record stays unknown, and then no check speaks of it."""
    procedure = report.procedure
    patient = procedure.order.patient
    exam_date = _exam_date(procedure)
    name = procedure.procedure.name if procedure.procedure else str(procedure)
    return Facts(
        procedure=name,
        modality=procedure.modality,
        laterality=procedure.laterality or side_of_procedure(name),
        sex=patient.sex if patient.sex in ("F", "M") else "",
        age=_years(patient.birth_date, exam_date),
        exam_date=exam_date,
        priors=_priors(procedure),
        patient_name=" ".join([patient.family_name, patient.given_name, patient.middle_name]).strip(),
        patient_id=" ".join(patient.identifiers.values_list("value", flat=True)),
        # A finding that is marked as critical is told by the mark.
        communications=(Communication("critical result", "marked"),) if report.critical_level else (),
    )


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
    done = others.annotate(at=Min("steps__performed__started_at")).exclude(at=None).select_related("order__site")
    found = [
        PriorExam(
            row.at.astimezone(ZoneInfo(row.order.site.time_zone)).date(), row.modality, str(row), row.order.accession
        )
        for row in done.order_by(F("at").desc())[:MOST_PRIORS]
    ]
    plans = PriorPlan.objects.filter(procedure=procedure, prior=None)[:MOST_PRIORS]
    found += [PriorExam(plan.day, plan.modality, plan.description or plan.region) for plan in plans]
    found += _outside(order.patient)
    return tuple(found) or None


def _outside(patient: Patient) -> list[PriorExam]:
    rows = OutsideDocument.objects.filter(patient=patient).values_list("dated_at", "title", "accession")[:MOST_PRIORS]
    return [PriorExam(dated_at.date(), "", title, accession) for dated_at, title, accession in rows]
