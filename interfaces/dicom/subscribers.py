"""Orders decide which priors are wanted, released reports are owed to archives. Database only; the rest is a task's."""

from __future__ import annotations

from reporting.events import (
    AddendumAdded,
    PreliminaryReleased,
    ReportCorrected,
    ReportEvent,
    ReportRetracted,
    ReportSigned,
)
from ris.audit.services import Actor
from ris.kernel.events import subscribe
from ris.orders.events import (
    ExamCompleted,
    ExamReturned,
    ExamUnlinked,
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderRevised,
    PatientArrived,
    ProcedureCancelled,
    ProcedureEvent,
    StepRescheduled,
    StudyArrived,
)
from ris.orders.models import RequestedProcedure
from ris.patients.events import IdentityDecided

from .prefetch.planning import request_priors, stop_prefetch
from .reconciliation.services import alarm_reported, link_recognised
from .reports.services import queue_version, withdraw_report
from .workitems.orchestration import give_exam, note_ready, take_back


@subscribe(IdentityDecided, name="dicom.link_after_identity")
def link_after_identity(event: IdentityDecided) -> None:
    """Link exams of a patient whom a person has recognised in what the device said."""
    if event.same:
        link_recognised(event.patient_id, actor=Actor.job("identity"), at=event.at)


@subscribe(OrderPlaced, OrderRevised, name="dicom.search_priors_of_order")
def request_priors_of_order(event: OrderEvent) -> None:
    """Request the priors of all procedures of an order."""
    for procedure_id in RequestedProcedure.objects.filter(order=event.order_id).values_list("pk", flat=True):
        request_priors(procedure_id, at=event.at)


@subscribe(StepRescheduled, name="dicom.search_priors_of_moved_step")
def request_priors_of_step(event: StepRescheduled) -> None:
    """Request the priors of a procedure whose step has a new time."""
    request_priors(event.procedure_id, at=event.at)


@subscribe(PatientArrived, ExamCompleted, name="dicom.search_priors_at_arrival")
def request_priors_now(event: ProcedureEvent) -> None:
    """Looked at once more: since the order was placed, more may have come."""
    request_priors(event.procedure_id, at=event.at, now_at_once=True)


@subscribe(OrderCancelled, name="dicom.stop_priors_of_order")
def stop_prefetch_of_order(event: OrderCancelled) -> None:
    """Stop fetching priors for all procedures of a cancelled order."""
    for procedure_id in RequestedProcedure.objects.filter(order=event.order_id).values_list("pk", flat=True):
        stop_prefetch(procedure_id, at=event.at)


@subscribe(ProcedureCancelled, name="dicom.stop_priors_of_procedure")
def stop_prefetch_of_procedure(event: ProcedureCancelled) -> None:
    """Stop fetching priors for a cancelled procedure."""
    stop_prefetch(event.procedure_id, at=event.at)


@subscribe(
    PreliminaryReleased, ReportSigned, AddendumAdded, ReportCorrected, ReportRetracted,
    name="dicom.queue_report_for_archives",
)  # fmt: skip
def queue_report(event: ReportEvent) -> None:
    """One subscriber for all, so that of one report they are owed in order."""
    if isinstance(event, ReportRetracted):
        withdraw_report(event.version_id, at=event.at)
    else:
        queue_version(event.version_id, at=event.at)


@subscribe(ExamUnlinked, name="dicom.check_report_of_unlinked_exam")
def flag_unlinked_report(event: ExamUnlinked) -> None:
    """Raise an alarm when the unlinked exam has a released report."""
    alarm_reported(event.procedure_id, at=event.at)


@subscribe(ExamCompleted, StudyArrived, ExamUnlinked, ExamReturned, name="dicom.give_exam_to_algorithms")
def give_exam_to_algorithms(event: ProcedureEvent) -> None:
    """A completed exam is work for algorithms; its images make it ready; an exam that was none takes it back."""
    if isinstance(event, ExamCompleted):
        give_exam(event.procedure_id, at=event.at)
    elif isinstance(event, StudyArrived):
        if event.complete:
            note_ready(event.procedure_id, at=event.at)
    else:
        take_back(event.procedure_id, at=event.at)
