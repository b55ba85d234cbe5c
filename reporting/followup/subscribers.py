"""Follow-up recommendations follow their report, and later orders and exams of the patient. Idempotent."""

from __future__ import annotations

from ris.kernel.events import subscribe, subscribe_in_transaction
from ris.orders.events import (
    ExamCompleted,
    ExamReopened,
    ExamReturned,
    ExamUnlinked,
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderRevised,
    ProcedureCancelled,
    ProcedureEvent,
)
from ris.orders.models import RequestedProcedure
from ris.patients.events import PatientsEvent, PatientsMerged, PatientsSeparated

from ..events import AddendumAdded, ReportCorrected, ReportEvent, ReportRetracted, ReportSigned
from ..models import FollowUp, FollowUpMatch, Report, ReportVersion
from .matching import complete_with, propose_for_follow_ups, propose_for_order, propose_for_patient, reopen_without
from .services import follow_corrected_text, recommend_drafted, withdraw_rows


@subscribe_in_transaction(ReportSigned, AddendumAdded, ReportCorrected, ReportRetracted)
def follow_report(event: ReportEvent) -> None:
    """What was drafted is recommended with the signature; what a correction or retraction takes back is withdrawn."""
    if isinstance(event, ReportRetracted):
        withdraw_rows(FollowUp.objects.filter(report=event.report_id), at=event.at)
        return
    if isinstance(event, ReportCorrected):
        follow_corrected_text(ReportVersion.objects.get(pk=event.version_id), at=event.at)
    recommend_drafted(Report.objects.select_related("item__site").get(pk=event.report_id), at=event.at)


@subscribe(ReportSigned, AddendumAdded, ReportCorrected, name="reporting.follow_up_of_report")
def find_exams_of_report(event: ReportEvent) -> None:
    """The recommended exam may be ordered already."""
    propose_for_follow_ups(event.report_id, at=event.at)


@subscribe(OrderPlaced, OrderRevised, name="reporting.follow_up_of_order")
def find_follow_ups_of_order(event: OrderEvent) -> None:
    """A new order may be what was recommended."""
    propose_for_order(event.order_id, at=event.at)


@subscribe(
    ExamCompleted, ExamReopened, ExamUnlinked, ExamReturned, ProcedureCancelled, name="reporting.follow_up_of_exam"
)
def follow_exam(event: ProcedureEvent) -> None:
    """One subscriber for all that becomes of an exam, so that it is told in order."""
    if isinstance(event, ExamCompleted):
        propose_for_order(event.order_id, at=event.at)
        complete_with(event.procedure_id, at=event.at)
    else:
        reopen_without([event.procedure_id], at=event.at)


@subscribe(OrderCancelled, name="reporting.follow_up_of_cancelled_order")
def follow_cancelled_order(event: OrderEvent) -> None:
    """What was recommended is not ordered any more."""
    rows = RequestedProcedure.objects.filter(order=event.order_id)
    reopen_without(list(rows.values_list("pk", flat=True)), at=event.at)


@subscribe(PatientsMerged, PatientsSeparated, name="reporting.follow_up_of_merge")
def follow_patients(event: PatientsEvent) -> None:
    """Two records became one, or one two: proposals of another's exams go, and new ones are found."""
    ids = [event.patient_id, *([event.restored_id] if isinstance(event, PatientsSeparated) else [])]
    for match in FollowUpMatch.objects.filter(follow_up__report__procedure__order__patient__in=ids).select_related(
        "follow_up__report__procedure__order", "procedure__order"
    ):
        if match.follow_up.report.procedure.order.patient_id != match.procedure.order.patient_id:
            reopen_without([match.procedure_id], at=event.at)
    for patient_id in ids:
        propose_for_patient(patient_id, at=event.at)
