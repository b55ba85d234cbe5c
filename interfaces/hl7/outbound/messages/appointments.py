"""SIU out: appointments made, moved, changed and cancelled (IHE RAD-48)."""

from __future__ import annotations

from datetime import datetime, timedelta

from interfaces.hl7.models import Destination
from ris.orders.models import Order, ScheduledStep
from ris.patients.selectors import survivor

from .order_segments import list_diagnoses, write_diagnoses, write_notes
from .orders import list_procedures, list_steps
from .segments import (
    APPLICATION,
    Fields,
    compose,
    ordering_provider,
    placer_number,
    split_name,
    write_msh,
    write_pid,
    write_pv1,
    write_segment,
    write_timestamp,
)

_STATUS = {"S15": ("Cancelled", "CANCELLED"), "S26": ("No-show", "NOSHOW")}
"""Event → SCH-6 (event reason) and SCH-25 (filler status, table 0278)."""


def build_appointment(destination: Destination, order: Order, event: str, control_id: str, at: datetime) -> list[str]:
    """SIU^S12 made, S13 moved, S14 changed, S15 cancelled, S26 missed: one group of resources (RGS) for each step."""
    steps = [step for procedure in list_procedures(order) for step in list_steps(procedure)]
    lines = [
        write_msh(destination, f"SIU^{event}^SIU_S12", control_id, at),
        write_segment("SCH", _schedule(destination, order, event, steps[0])),
        *write_notes(order),
        write_pid(survivor(order.patient), destination),
        write_pv1(order.visit, order),
        *write_diagnoses(order),
    ]
    for number, step in enumerate(steps, start=1):
        lines += _resources(step, number)
    return lines


def _schedule(destination: Destination, order: Order, event: str, first: ScheduledStep) -> Fields:
    """SCH: the appointment as a whole, from the first step's beginning to its end."""
    end = first.start + timedelta(minutes=first.minutes)
    reason = next((code for code, _ in list_diagnoses(order)), "") or compose("", order.reason.partition("\n")[0])
    # SCH-16 (filler contact person) must not be empty; the placer of the order is the only one who is known.
    contact = ordering_provider(order) or compose("U")
    reason_text, status = _STATUS.get(event, ("Scheduled", "BOOKED"))
    schedule: Fields = {
        2: compose(order.filler_number, APPLICATION),
        6: compose("", reason_text),
        7: reason,
        9: str(first.minutes),
        10: compose("MIN"),
        11: compose("", "", f"M{first.minutes}", write_timestamp(first.start), write_timestamp(end)),
        16: contact,
        20: contact,
        25: compose(status),
    }
    if destination.hl7_version < "2.4":
        return schedule | {1: placer_number(order)}  # SCH-26 and SCH-27 are younger
    return schedule | {26: placer_number(order), 27: compose(order.filler_number, APPLICATION)}


def _resources(step: ScheduledStep, number: int) -> list[str]:
    """RGS and the resources of one step: service, scanner, room, physician."""
    procedure = step.procedure
    service: Fields = {
        1: "1",
        3: compose(procedure.code, procedure.code_text, procedure.coding_system or "L"),
        4: write_timestamp(step.start),
        7: str(step.minutes),
        8: "MIN",
    }
    lines = [write_segment("RGS", {1: str(number)}), write_segment("AIS", service)]
    scanner = compose(*[*step.station_aes[:1], *step.station_names[:1]])
    if scanner:
        lines.append(write_segment("AIG", {1: "1", 3: scanner, 4: compose("EQUIPMENT")}))
    lines.append(write_segment("AIL", {1: "1", 3: compose("", "", "", step.location or "?"), 4: compose("ROOM")}))
    if step.performing_physician:
        name = compose("", *split_name(step.performing_physician))
        lines.append(write_segment("AIP", {1: "1", 3: name, 4: compose("PHYSICIAN")}))
    return lines
