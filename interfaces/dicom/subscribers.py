"""Orders decide which priors are wanted, released reports are owed to archives. Database only; the rest is a task's."""

from __future__ import annotations

from reporting.events import AddendumAdded, PreliminaryReleased, ReportCorrected, ReportEvent, ReportSigned
from ris.kernel.events import subscribe
from ris.orders.events import (
    ExamCompleted,
    ExamUnlinked,
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderRevised,
    PatientArrived,
    ProcedureCancelled,
    ProcedureEvent,
    StepRescheduled,
)
from ris.orders.models import RequestedProcedure

from .prefetch.planning import stop, want
from .reconciliation.services import note_unlinked
from .reports.routing import owe_version


@subscribe(OrderPlaced, OrderRevised, name="dicom.search_priors_of_order")
def want_priors(event: OrderEvent) -> None:
    """Request the priors of all procedures of an order."""
    for procedure_id in RequestedProcedure.objects.filter(order=event.order_id).values_list("pk", flat=True):
        want(procedure_id, at=event.at)


@subscribe(StepRescheduled, name="dicom.search_priors_of_moved_step")
def want_priors_of_a_step(event: StepRescheduled) -> None:
    """Request the priors of a procedure whose step has a new time."""
    want(event.procedure_id, at=event.at)


@subscribe(PatientArrived, ExamCompleted, name="dicom.search_priors_at_arrival")
def want_priors_now(event: ProcedureEvent) -> None:
    """Looked at once more: since the order was placed, more may have come."""
    want(event.procedure_id, at=event.at, now_at_once=True)


@subscribe(OrderCancelled, name="dicom.stop_priors_of_order")
def stop_all(event: OrderCancelled) -> None:
    """Stop fetching priors for all procedures of a cancelled order."""
    for procedure_id in RequestedProcedure.objects.filter(order=event.order_id).values_list("pk", flat=True):
        stop(procedure_id, at=event.at)


@subscribe(ProcedureCancelled, name="dicom.stop_priors_of_procedure")
def stop_one(event: ProcedureCancelled) -> None:
    """Stop fetching priors for a cancelled procedure."""
    stop(event.procedure_id, at=event.at)


@subscribe(PreliminaryReleased, ReportSigned, AddendumAdded, ReportCorrected, name="dicom.queue_report_for_archives")
def owe_archives(event: ReportEvent) -> None:
    """One subscriber for all, so that of one report they are owed in order."""
    owe_version(event.version_id, at=event.at)


@subscribe(ExamUnlinked, name="dicom.check_report_of_unlinked_exam")
def look_for_a_report(event: ExamUnlinked) -> None:
    """Raise an alarm when the unlinked exam has a released report."""
    note_unlinked(event.procedure_id, at=event.at)
