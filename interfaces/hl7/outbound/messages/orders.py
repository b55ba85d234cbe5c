"""Orders out: scheduled and updated (RAD-4, RAD-13), and filler status (RAD-3)."""

from __future__ import annotations

from datetime import datetime

from interfaces.hl7.models import Destination
from ris.orders import states
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.patients.selectors import survivor

from .order_segments import write_diagnoses, write_notes, write_obr, write_orc, write_order_observations
from .segments import (
    APPLICATION,
    Encoded,
    Fields,
    compose,
    repeat,
    split_name,
    write_allergies,
    write_msh,
    write_pid,
    write_pv1,
    write_segment,
    write_timestamp,
)

HL7_PRIORITY = {"STAT": "S", "HIGH": "A", "MEDIUM": "T", "ROUTINE": "R"}
"""Priority here → TQ1-9, ORC-7.6 (table 0027, 2.3.1: A = as soon as possible, T = timing critical)."""


def build_scheduled_order(
    destination: Destination, order: Order, control: str, control_id: str, at: datetime
) -> list[str]:
    """RAD-4 (``NW``) and RAD-13 (``XO``, ``CA``): OMI^O23 where the destination is set to it, else ORM^O01 with ZDS."""
    if destination.options.get("imaging_orders") == "OMI":
        head, body = write_msh(destination, "OMI^O23^OMI_O23", control_id, at), _omi(order, control)
    else:
        head, body = write_msh(destination, "ORM^O01^ORM_O01", control_id, at), _orm(order, control)
    patient = survivor(order.patient)
    return [head, write_pid(patient, destination), write_pv1(order.visit, order), *write_allergies(patient), *body]


def _orm(order: Order, control: str) -> list[str]:
    """A group of ORC and OBR for each step, and ZDS with the Study UID after the steps of a procedure."""
    lines: list[str] = []
    for procedure in list_procedures(order):
        for step in list_steps(procedure):
            timing: Fields = {7: _timing(order, step)}
            status = "CA" if control == "CA" else "SC"
            lines += [
                write_orc(order, control, status=status, extra=timing),
                write_obr(order, procedure, _step_fields(order, step)),
                *_details(order),
            ]
        # ZDS-1 is an RP: the UID as pointer, type “Application”, subtype “DICOM” (IHE RAD TF-2, 4.4).
        lines.append(write_segment("ZDS", {1: compose(procedure.study_uid, APPLICATION, "Application", "DICOM")}))
    return lines


def _omi(order: Order, control: str) -> list[str]:
    """A group of ORC, TQ1 and OBR for each procedure, with an IPC for each step."""
    lines: list[str] = []
    for number, procedure in enumerate(list_procedures(order), start=1):
        steps = list_steps(procedure)
        timing: Fields = {1: "1", 7: write_timestamp(steps[0].start), 9: HL7_PRIORITY[order.priority]}
        status = "CA" if control == "CA" else "SC"
        lines += [write_orc(order, control, status=status), write_segment("TQ1", timing)]
        lines += [write_obr(order, procedure, number=number), *_details(order)]
        lines += [_ipc(order, procedure, step) for step in steps]
    return lines


def _details(order: Order) -> list[str]:
    return [*write_notes(order), *write_diagnoses(order), *write_order_observations(order)]


def _ipc(order: Order, procedure: RequestedProcedure, step: ScheduledStep) -> str:
    # A step without protocol codes has at most one, in its own columns.
    protocols = step.protocol_codes or [[step.protocol_code, step.protocol_text, step.protocol_system]]
    protocol = repeat(compose(*(str(cell or "") for cell in row[:3])) for row in protocols)
    return write_segment(
        "IPC",
        {
            1: order.accession,
            2: procedure.number,
            3: procedure.study_uid,
            4: step.number,
            5: step.modality,
            6: protocol or compose(procedure.code, procedure.code_text, procedure.coding_system or "L"),
            7: repeat(compose(name) for name in step.station_names),
            8: step.location,
            9: repeat(compose(title) for title in step.station_aes),
        },
    )


def build_order_status(
    destination: Destination, order: Order, control: str, code: str, control_id: str, at: datetime
) -> list[str]:
    """RAD-3: ``SN`` asks the placer for a number, ``SC`` tells a status (ORC-5), ``OC`` that the order is cancelled."""
    body = [
        line
        for procedure in list_procedures(order)
        for line in (write_orc(order, control, status=code), write_obr(order, procedure))
    ]
    head = write_msh(destination, "ORM^O01^ORM_O01", control_id, at)
    return [head, write_pid(survivor(order.patient), destination), write_pv1(order.visit, order), *body]


def list_procedures(order: Order) -> list[RequestedProcedure]:
    """The procedures of the order, the oldest first."""
    return list(order.procedures.select_related("procedure").order_by("pk"))


def list_steps(procedure: RequestedProcedure) -> list[ScheduledStep]:
    """The steps that stand; all of them where all are cancelled."""
    steps = list(procedure.steps.order_by("pk"))
    return [step for step in steps if step.state != states.CANCELLED] or steps


def _timing(order: Order, step: ScheduledStep) -> Encoded:
    """TQ of 2.3.1: start in component 4, priority in component 6."""
    return compose("", "", "", write_timestamp(step.start), "", HL7_PRIORITY[order.priority])


def _step_fields(order: Order, step: ScheduledStep) -> Fields:
    """OBR fields of a step (IHE RAD TF-2, 4.4): step id, station, modality, timing, performing physician."""
    physician = compose(compose("", *split_name(step.performing_physician), by="&"))
    return {
        20: step.number,
        21: step.station_aes[0] if step.station_aes else "",
        24: step.modality,
        27: _timing(order, step),
        34: physician if step.performing_physician else "",
    }
