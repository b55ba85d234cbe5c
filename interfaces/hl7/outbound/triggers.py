"""Which fact is told to destinations as which kinds of message.

Adding one: a line in the table of its event, a builder, and a kind in KINDS (it appears in the
conformance statement by itself).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from reporting.events import (
    AddendumAdded,
    PreliminaryReleased,
    ReportCorrected,
    ReportEvent,
    ReportRetracted,
    ReportSigned,
)
from reporting.models import ReportVersion
from ris.kernel.events import Event
from ris.orders.events import (
    AppointmentCalledOff,
    AppointmentMissed,
    ExamCompleted,
    ExamDiscontinued,
    ExamReopened,
    ExamResumed,
    ExamStarted,
    ExamUnlinked,
    OrderCancelled,
    OrderEvent,
    OrderPlaced,
    OrderRevised,
    StepRescheduled,
)
from ris.orders.models import Order
from ris.patients.events import PatientRevised, PatientsMerged, PatientsSeparated
from ris.patients.models import Merge, Patient

from .messages import adt, appointments, charges, orders, oru
from .messages.segments import MessageBuilder

KINDS = {
    "report.preliminary": "ORU^R01, OBR-25 P: a preliminary report (IHE RAD-28)",
    "report.final": "ORU^R01, OBR-25 F: the signed report (IHE RAD-28)",
    "report.addendum": "ORU^R01, OBR-25 A: the signed report with its addenda (IHE RAD-28)",
    "report.corrected": "ORU^R01, OBR-25 C: the corrected report, with earlier addenda (IHE RAD-28)",
    "report.retracted": "ORU^R01, OBR-25 X, OBX-11 W (wrong patient) or D: the whole report is taken back",
    "order.scheduled": "ORM^O01 NW with ZDS, or OMI^O23 with IPC: a procedure is scheduled (IHE RAD-4)",
    "order.updated": "ORM^O01 XO or CA with ZDS, or OMI^O23: it was changed or cancelled (IHE RAD-13)",
    "order.number": "ORM^O01 SN: an order that began here asks for a placer number (IHE RAD-3)",
    "order.status": "ORM^O01 SC (ORC-5 IP, CM, DC; SC: it waits again) or OC: how far the exam is (IHE RAD-3)",
    "appointment": "SIU^S12–S15, S26: the appointment was made, moved, changed, cancelled, missed (IHE RAD-48)",
    "charge": "DFT^P03: the report is final; CPT code and relative value units (IHE RAD-35)",
    "patient": "ADT^A08, A40, A37: what is known here of a patient; merges, and merges undone",
}
"""What a destination can want."""


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One message to be owed: its kind, what makes it, and what filters look at."""

    kind: str
    build: MessageBuilder
    source: str
    patient_id: int
    site_id: int | None = None
    site: str = ""
    modalities: frozenset[str] = frozenset()
    report_version_id: int | None = None
    critical: frozenset[str] = frozenset()
    """Levels of the critical findings that the report has or had: who was told of one is told that it is none."""


_OfOrder = tuple[str, Callable[[Order], MessageBuilder]]


def _scheduled(control: str) -> Callable[[Order], MessageBuilder]:
    return lambda order: lambda d, control_id, at: orders.build_scheduled_order(d, order, control, control_id, at)


def _status(control: str, code: str) -> Callable[[Order], MessageBuilder]:
    return lambda order: lambda d, control_id, at: orders.build_order_status(d, order, control, code, control_id, at)


def _appointment(event: str) -> Callable[[Order], MessageBuilder]:
    return lambda order: lambda d, control_id, at: appointments.build_appointment(d, order, event, control_id, at)


ORDER_TRIGGERS: dict[type[Event], tuple[_OfOrder, ...]] = {
    OrderPlaced: (
        ("order.scheduled", _scheduled("NW")),
        ("order.number", _status("SN", "SC")),
        ("appointment", _appointment("S12")),
    ),
    OrderRevised: (("order.updated", _scheduled("XO")), ("appointment", _appointment("S14"))),
    AppointmentCalledOff: (("appointment", _appointment("S15")),),
    AppointmentMissed: (("appointment", _appointment("S26")),),
    StepRescheduled: (("order.updated", _scheduled("XO")), ("appointment", _appointment("S13"))),
    OrderCancelled: (
        ("order.updated", _scheduled("CA")),
        ("order.status", _status("OC", "CA")),
        ("appointment", _appointment("S15")),
    ),
    ExamStarted: (("order.status", _status("SC", "IP")),),
    ExamResumed: (("order.status", _status("SC", "IP")),),
    ExamReopened: (("order.status", _status("SC", "IP")),),
    ExamCompleted: (("order.status", _status("SC", "CM")),),
    ExamDiscontinued: (("order.status", _status("SC", "DC")),),
    ExamUnlinked: (("order.status", _status("SC", "SC")),),
}
REPORT_TRIGGERS: dict[type[Event], str] = {
    PreliminaryReleased: "report.preliminary",
    ReportSigned: "report.final",
    AddendumAdded: "report.addendum",
    ReportCorrected: "report.corrected",
    ReportRetracted: "report.retracted",
}
PATIENT_TRIGGERS = (PatientRevised, PatientsMerged, PatientsSeparated)
TRIGGER_EVENTS: tuple[type[Event], ...] = (*ORDER_TRIGGERS, *REPORT_TRIGGERS, *PATIENT_TRIGGERS)


def plan_messages(event: Event, wanted: frozenset[str]) -> Iterator[PlannedMessage]:
    """The messages that ``event`` triggers, of the kinds that any destination wants."""
    if isinstance(event, ReportEvent):
        yield from _plan_report(event, wanted)
    elif isinstance(event, OrderEvent):
        yield from _plan_order(event, wanted)
    elif isinstance(event, PATIENT_TRIGGERS) and "patient" in wanted:
        source = f"{event.kind}:{event.patient_id}:{event.at.isoformat()}"
        yield PlannedMessage(kind="patient", build=_patient_builder(event), source=source, patient_id=event.patient_id)


def _patient_builder(event: PatientRevised | PatientsMerged | PatientsSeparated) -> MessageBuilder:
    patient = Patient.objects.get(pk=event.patient_id)
    if isinstance(event, PatientsMerged):
        merge = Merge.objects.filter(pk=event.merge_id).first() if event.merge_id else None
        return lambda d, control_id, at: adt.build_patient_merge(d, patient, merge, control_id, at)
    if isinstance(event, PatientsSeparated):
        restored = Patient.objects.get(pk=event.restored_id)
        return lambda d, control_id, at: adt.build_patient_separation(d, patient, restored, control_id, at)
    return lambda d, control_id, at: adt.build_patient_update(d, patient, control_id, at)


def _plan_order(event: OrderEvent, wanted: frozenset[str]) -> Iterator[PlannedMessage]:
    triggers = [trigger for trigger in ORDER_TRIGGERS.get(type(event), ()) if trigger[0] in wanted]
    if not triggers:
        return
    order = Order.objects.select_related("patient", "visit", "site").get(pk=event.order_id)
    source = f"{event.kind}:{order.pk}:{event.at.isoformat()}"
    for kind, make_builder in triggers:
        if kind == "order.number" and order.placer_number:
            continue  # it has a number
        yield _plan_for_order(order, kind, make_builder(order), source)


def _plan_report(event: ReportEvent, wanted: frozenset[str]) -> Iterator[PlannedMessage]:
    kinds = {REPORT_TRIGGERS[type(event)], "charge"} & wanted
    if not kinds:
        return
    version = ReportVersion.objects.select_related("report__procedure__order__site", "author").get(pk=event.version_id)
    order, source = version.report.procedure.order, f"report-version:{version.pk}"
    # Who was told of a critical finding is also told when a later version has none.
    so_far = version.report.versions.filter(number__lte=version.number).exclude(critical_level="")
    critical = frozenset(so_far.values_list("critical_level", flat=True))
    # An exam is charged once: addenda and corrections change nothing of it.
    if "charge" in kinds and isinstance(event, ReportSigned) and version.edition == 1:
        build: MessageBuilder = lambda d, control_id, at: charges.build_charge(d, version, control_id, at)  # noqa: E731
        yield replace(_plan_for_order(order, "charge", build, source), critical=critical)
    for kind in kinds - {"charge"}:
        build = lambda d, control_id, at: oru.build_result(d, version, control_id, at)  # noqa: E731
        planned = _plan_for_order(order, kind, build, source)
        yield replace(planned, critical=critical, report_version_id=version.pk)


def _plan_for_order(order: Order, kind: str, build: MessageBuilder, source: str) -> PlannedMessage:
    return PlannedMessage(
        kind=kind,
        build=build,
        source=source,
        patient_id=order.patient_id,
        site_id=order.site_id,
        site=order.site.code,
        modalities=frozenset(order.procedures.values_list("modality", flat=True)),
    )
