"""Requested procedures and scheduled steps are written: what a sender did not say comes from the catalog."""

from __future__ import annotations

from datetime import datetime

from ris.catalog.models import Device
from ris.kernel.db.columns import check_values
from ris.kernel.db.statements import Kept, insert
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.values import new_uid

from .. import states
from ..intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ..models import Order, RequestedProcedure, ScheduledStep
from ..selectors_catalog import find_catalog_procedure, find_modality
from .flags import UNKNOWN_MODALITY, UNKNOWN_PROCEDURE, UNKNOWN_STATION, add_flag
from .performed_study import attach_study

PRIORITIES = frozenset(value for value, _ in Order.PRIORITIES)
DEFAULT_MINUTES = 15
"""Room time of a procedure that the catalog does not know."""
MOST_DESCRIPTION = 120
"""Characters of a step's description; the text of a code may be longer."""
DEFAULT_MODALITY = "OT"
"""Modality "other" (PS3.16 CID 29): Modality is type 1 on the worklist, so it is never empty."""

# Asked for every order that comes in, so its text is kept.
_FIRST_DEVICE = Kept(
    lambda modality, site_id: Device.objects.filter(modality=modality, site=site_id, active=True).order_by("pk")[:1],
    steady=True,
)


def check_intent(intent: OrderIntent) -> None:
    """Raise Invalid for a procedure without a code, a priority that does not exist, or a text that does not fit."""
    if any(not procedure.code.value for procedure in intent.procedures):
        raise Invalid("Each procedure needs a code.", at="procedures.code")
    if intent.priority and intent.priority not in PRIORITIES:
        raise Invalid(f"The priority is one of {', '.join(sorted(PRIORITIES))}.", at="priority")
    check_values(Order, vars(intent))
    for procedure in intent.procedures:
        code = {"code": procedure.code.value, "code_text": procedure.code.text, "coding_system": procedure.code.system}
        check_values(RequestedProcedure, vars(procedure) | code, at="procedures")
        for step in procedure.steps:
            check_values(ScheduledStep, vars(step), at="procedures.steps")


def add_procedure(order: Order, intent: ProcedureIntent, at: datetime, *, nth: int = 0) -> RequestedProcedure:
    """Write a procedure and its steps. Raises Conflict when its Study Instance UID is another procedure's.

    ``nth`` is its place in the order, from 1, where the caller knows it without counting.
    """
    catalog = find_catalog_procedure(intent.code, *intent.alternates, laterality=intent.laterality)
    step_modality = next((step.modality for step in intent.steps if step.modality), "")
    modality = intent.modality or (catalog.modality if catalog else "") or step_modality
    if not modality:  # the catalog may have the code for the left and the right side, of which none was said
        modality = find_modality(intent.code, *intent.alternates)
    if catalog is None:
        add_flag(order, UNKNOWN_PROCEDURE)
    if not modality:
        add_flag(order, UNKNOWN_MODALITY)
    if intent.study_uid and RequestedProcedure.objects.filter(study_uid=intent.study_uid).exists():
        raise Conflict("This Study Instance UID belongs to another procedure.", at="study_uid", code="duplicate")
    procedure = insert(
        RequestedProcedure(
            order=order,
            state=states.ACTIVE,
            # Requested Procedure ID is an SH, 16 characters, and unique in this system: so is the order's key, while
            # accession numbers may be as long as an SH and alike in what is left of them.
            number=intent.number or f"P{order.pk}-{nth or order.procedures.count() + 1}",
            study_uid=intent.study_uid or new_uid(),
            procedure=catalog,
            code=intent.code.value,
            code_text=intent.code.text or (catalog.name if catalog else ""),
            coding_system=intent.code.system,
            modality=modality or DEFAULT_MODALITY,
            laterality=intent.laterality or (catalog.laterality if catalog else ""),
        )
    )
    for number, step in enumerate(intent.steps or (StepIntent(),), start=1):
        add_step(procedure, step, at, nth=number)
    if intent.study_uid:  # images may have come before the order
        attach_study(procedure, at=at)
    return procedure


def add_step(procedure: RequestedProcedure, intent: StepIntent, at: datetime, *, nth: int = 0) -> ScheduledStep:
    """Write a scheduled step, on the device it names or else on the first of its modality at the site.

    ``nth`` is its place in the procedure, from 1, where the caller knows it without counting.
    """
    modality = intent.modality or procedure.modality
    device = find_device(procedure.order, modality, intent.station_aes)
    catalog = procedure.procedure
    protocols = intent.all_protocols()
    protocol = protocols[0] if protocols else Code("")
    return insert(
        ScheduledStep(
            procedure=procedure,
            state=states.SCHEDULED,
            # Scheduled Procedure Step ID is an SH too, and a sender may have numbered the procedure.
            number=intent.number or f"S{procedure.pk}.{nth or procedure.steps.count() + 1}",
            modality=modality,
            device=device,
            station_aes=list(intent.station_aes) or ([device.ae_title] if device else []),
            station_names=list(intent.station_names) or ([device.name] if device else []),
            location=intent.location or (device.room if device else ""),
            start=intent.start or at,
            minutes=intent.minutes or (catalog.minutes if catalog else DEFAULT_MINUTES),
            description=(intent.description or procedure.code_text or procedure.code)[:MOST_DESCRIPTION],
            protocol_code=protocol.value,
            protocol_system=protocol.system,
            protocol_text=protocol.text,
            protocol_codes=[[code.value, code.text, code.system] for code in protocols],
            performing_physician=intent.performing_physician,
        )
    )


def find_device(order: Order, modality: str, station_aes: tuple[str, ...]) -> Device | None:
    """The active device that an AE title names; the site's first of the modality when no title is given.

    None, and the order flagged, when no device has any of the titles.
    """
    if station_aes:
        titles = [title.strip() for title in station_aes]
        device = Device.objects.filter(ae_title__in=titles, active=True).first()
        if device is None:
            add_flag(order, UNKNOWN_STATION)
        return device
    return _FIRST_DEVICE.first(modality, order.site_id)
