"""The topics: which facts of the house each is about, and which resource it names (its focus)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reporting.events import AddendumAdded, PreliminaryReleased, ReportCorrected, ReportRetracted, ReportSigned
from reporting.models import ReportVersion
from ris.kernel.events import Event
from ris.orders.events import (
    ExamCompleted,
    ExamDiscontinued,
    ExamResumed,
    ExamStarted,
    ExamUnlinked,
    OrderCancelled,
    OrderEvent,
    OrderHeld,
    OrderPlaced,
    OrderReinstated,
    OrderReleased,
    OrderRevised,
    PatientArrived,
    ProcedureCancelled,
    ProcedureEvent,
    StepRescheduled,
    StudyArrived,
    StudyGrown,
)
from ris.orders.models import RequestedProcedure

from ..datatypes import URN

CANONICAL = f"{URN}SubscriptionTopic/"


@dataclass(frozen=True, slots=True)
class Topic:
    """What a client can subscribe to. ``focus``: ids of resources of ``resource`` that an event is about."""

    name: str
    resource: str
    says: str
    events: tuple[type[Event], ...]
    focus: Callable[[Event], Iterable[int]]

    @property
    def canonical(self) -> str:
        """The URI by which ``Subscription.criteria`` names it."""
        return CANONICAL + self.name


def _requests(event: Event) -> Iterable[int]:
    if isinstance(event, ProcedureEvent):
        return [event.procedure_id]
    assert isinstance(event, OrderEvent)
    rows = RequestedProcedure.objects.filter(order=event.order_id)
    return rows.order_by("pk").values_list("pk", flat=True)


def _study(event: Event) -> Iterable[int]:
    """The ImagingStudy of a procedure: in a group case, that of the procedure whose study has the images."""
    assert isinstance(event, ProcedureEvent)
    shared = RequestedProcedure.objects.filter(pk=event.procedure_id).values_list("performed_study_uid", flat=True)
    uid = shared.first()
    owner = RequestedProcedure.objects.filter(study_uid=uid).values_list("pk", flat=True).first() if uid else None
    return [owner or event.procedure_id]


def _whole_study(event: Event) -> Iterable[int]:
    if isinstance(event, StudyArrived) and not event.complete:
        return []
    return _study(event)


def _report(event: Event) -> Iterable[int]:
    return [event.report_id]  # type: ignore[attr-defined]  # of a ReportEvent


def _critical_report(event: Event) -> Iterable[int]:
    """The report whose version brings a critical finding that the one before it had not, or not so."""
    version = ReportVersion.objects.get(pk=event.version_id)  # type: ignore[attr-defined]
    if not version.critical_level:
        return []
    earlier = version.report.versions.filter(number__lt=version.number, edition=version.edition)
    same = earlier.filter(critical_level=version.critical_level, critical_finding=version.critical_finding)
    return [] if same.exists() else [version.report_id]


RELEASED = (PreliminaryReleased, ReportSigned, AddendumAdded, ReportCorrected)
TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "order-changed",
            "ServiceRequest",
            "An order was placed, changed, held, released, booked, cancelled, or its exam went on.",
            (
                OrderPlaced, OrderRevised, OrderHeld, OrderReleased, OrderCancelled, OrderReinstated,
                ProcedureCancelled, StepRescheduled, PatientArrived, ExamStarted, ExamCompleted, ExamDiscontinued,
                ExamResumed, ExamUnlinked,
            ),
            _requests,
        ),
        Topic("exam-completed", "ImagingStudy", "An exam was completed.", (ExamCompleted,), _study),
        Topic(
            "images-available", "ImagingStudy", "The images of an exam are in the archive, or more of them came.",
            (StudyArrived, StudyGrown), _whole_study,
        ),
        Topic(
            "report-released", "DiagnosticReport", "A version of a report was released, or the report retracted.",
            (*RELEASED, ReportRetracted), _report,
        ),
        Topic(
            "critical-raised", "DiagnosticReport", "A released version brings a critical finding.",
            RELEASED, _critical_report,
        ),
    )
}  # fmt: skip
TOPIC_EVENTS: tuple[type[Event], ...] = tuple(dict.fromkeys(event for one in TOPICS.values() for event in one.events))


def topics_of(event: Event) -> list[Topic]:
    """The topics that an event belongs to."""
    return [topic for topic in TOPICS.values() if type(event) in topic.events]


def topic_of(canonical: str) -> Topic | None:
    """The topic of a canonical URI; None where there is none."""
    return TOPICS.get(canonical.partition("|")[0].removeprefix(CANONICAL)) if CANONICAL in canonical else None
