"""Events of orders and exams. ``stream`` is the accession number of the order."""

from __future__ import annotations

from dataclasses import dataclass

from ris.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class OrderEvent(Event):
    """Base of all events of one order."""

    order_id: int


@dataclass(frozen=True, kw_only=True)
class OrderPlaced(OrderEvent):
    """A new order, with its procedures and steps."""


@dataclass(frozen=True, kw_only=True)
class OrderRevised(OrderEvent):
    """Something of it changed: content, schedule, patient, priority. Read it again."""


@dataclass(frozen=True, kw_only=True)
class OrderHeld(OrderEvent):
    """Its waiting steps are off the worklist until it is released."""


@dataclass(frozen=True, kw_only=True)
class OrderReleased(OrderEvent):
    """It is no longer on hold."""


@dataclass(frozen=True, kw_only=True)
class OrderCancelled(OrderEvent):
    """The whole order, all its procedures."""


@dataclass(frozen=True, kw_only=True)
class OrderReinstated(OrderEvent):
    """It, or a procedure of it, was cancelled and performed all the same: it is active again, and flagged."""


@dataclass(frozen=True, kw_only=True)
class ProcedureEvent(OrderEvent):
    """Base of all events of one requested procedure."""

    procedure_id: int


@dataclass(frozen=True, kw_only=True)
class ProcedureCancelled(ProcedureEvent):
    """One procedure of an order that goes on otherwise."""


@dataclass(frozen=True, kw_only=True)
class StepRescheduled(ProcedureEvent):
    """The step has another start or device."""

    step_id: int


@dataclass(frozen=True, kw_only=True)
class AppointmentCalledOff(ProcedureEvent):
    """The step has no time any more; its order waits for another."""

    step_id: int


@dataclass(frozen=True, kw_only=True)
class AppointmentMissed(ProcedureEvent):
    """The patient did not come; the order waits for another time."""

    step_id: int


@dataclass(frozen=True, kw_only=True)
class PatientArrived(ProcedureEvent):
    """The patient is here for this step (undo: OrderRevised)."""

    step_id: int


@dataclass(frozen=True, kw_only=True)
class ExamStarted(ProcedureEvent):
    """The first step of this procedure was begun on a device, or by hand."""


@dataclass(frozen=True, kw_only=True)
class ExamCompleted(ProcedureEvent):
    """No step of this procedure is left to do, and at least one was completed."""


@dataclass(frozen=True, kw_only=True)
class ExamDiscontinued(ProcedureEvent):
    """No step of this procedure is left to do, and none was completed."""


@dataclass(frozen=True, kw_only=True)
class ExamReturned(ProcedureEvent):
    """The wrong entry of the worklist was selected (reason 110514): its steps wait again."""


@dataclass(frozen=True, kw_only=True)
class ExamReopened(ProcedureEvent):
    """The end of the exam was said by hand and taken back at once: it is under way again."""


@dataclass(frozen=True, kw_only=True)
class StudyArrived(ProcedureEvent):
    """Images of this procedure are known to be in the archive."""

    complete: bool


@dataclass(frozen=True, kw_only=True)
class StudyGrown(ProcedureEvent):
    """More objects came after the study was known to be whole. ``instances``: how many there are now."""

    instances: int


@dataclass(frozen=True, kw_only=True)
class StudyWithdrawn(ProcedureEvent):
    """Objects of the study are no longer at hand. ``instances``: how many are left."""

    instances: int


@dataclass(frozen=True, kw_only=True)
class ExamResumed(ProcedureEvent):
    """The exam was complete, and a further performed step of it has begun; ExamCompleted follows again."""


@dataclass(frozen=True, kw_only=True)
class ExamUnlinked(ProcedureEvent):
    """A performed exam turned out not to be of this procedure; its steps wait again."""
