"""Orders out: scheduled and updated (RAD-4, RAD-13), filler status (RAD-3), appointments (RAD-48), charges (RAD-35)."""

from __future__ import annotations

from datetime import datetime, timedelta

from interfaces.hl7.models import Destination
from ris.orders import states
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.patients.selectors import survivor

from .segments import (
    Encoded,
    compose,
    split_name,
    write_msh,
    write_obr,
    write_orc,
    write_pid,
    write_pv1,
    write_segment,
    write_timestamp,
)

HL7_PRIORITY = {"STAT": "S", "HIGH": "A", "MEDIUM": "T", "ROUTINE": "R"}


def build_scheduled_order(
    destination: Destination, order: Order, control: str, control_id: str, at: datetime
) -> list[str]:
    """RAD-4 (``NW``) and RAD-13 (``XO``, ``CA``): OMI^O23 where the destination is set to it, else ORM^O01 with ZDS."""
    if destination.options.get("imaging_orders") == "OMI":
        head, body = write_msh(destination, "OMI^O23^OMI_O23", control_id, at), _omi(order, control)
    else:
        head, body = write_msh(destination, "ORM^O01^ORM_O01", control_id, at), _orm(order, control)
    return [head, write_pid(survivor(order.patient)), write_pv1(order.visit), *body]


def _orm(order: Order, control: str) -> list[str]:
    lines: list[str] = []
    for procedure in _procedures(order):
        for step in _steps(procedure):
            lines += [_orc(order, control, step), write_obr(order, procedure, _step_fields(order, step))]
        lines.append(write_segment("ZDS", {1: compose(procedure.study_uid, "WETREAD", "Application", "DICOM")}))
    return lines


def _omi(order: Order, control: str) -> list[str]:
    lines: list[str] = []
    for procedure in _procedures(order):
        steps = _steps(procedure)
        timing = {1: "1", 7: write_timestamp(steps[0].start), 9: HL7_PRIORITY[order.priority]}
        lines += [write_orc(order, control, status="SC"), write_segment("TQ1", timing), write_obr(order, procedure)]
        lines += [_ipc(order, procedure, step) for step in steps]
    return lines


def _ipc(order: Order, procedure: RequestedProcedure, step: ScheduledStep) -> str:
    protocol = compose(step.protocol_code, step.protocol_text, step.protocol_system)
    return write_segment(
        "IPC",
        {
            1: order.accession,
            2: procedure.number,
            3: procedure.study_uid,
            4: step.number,
            5: step.modality,
            6: protocol or compose(procedure.code, procedure.code_text, procedure.coding_system or "L"),
            7: Encoded("~".join(compose(name) for name in step.station_names)),
            8: step.location,
            9: Encoded("~".join(compose(title) for title in step.station_aes)),
        },
    )


def build_order_status(
    destination: Destination, order: Order, control: str, code: str, control_id: str, at: datetime
) -> list[str]:
    """RAD-3: ``SN`` asks the placer for a number, ``SC`` tells a status (ORC-5), ``OC`` that the order is cancelled."""
    procedures = _procedures(order)
    body = [line for p in procedures for line in (write_orc(order, control, status=code), write_obr(order, p))]
    return [
        write_msh(destination, "ORM^O01^ORM_O01", control_id, at),
        write_pid(survivor(order.patient)),
        write_pv1(order.visit),
        *body,
    ]


def build_appointment(destination: Destination, order: Order, event: str, control_id: str, at: datetime) -> list[str]:
    """SIU^S12 made, S13 moved, S14 changed, S15 cancelled."""
    procedures = _procedures(order)
    steps = [step for procedure in procedures for step in _steps(procedure)]
    first = steps[0]
    end = first.start + timedelta(minutes=first.minutes)
    provider = compose(order.ordering_provider_id or "U", *split_name(order.ordering_provider))
    sch: dict[int, str | Encoded] = {
        2: compose(order.filler_number, "WETREAD"),
        6: compose("", "Cancelled" if event == "S15" else "Scheduled"),
        9: str(first.minutes),
        10: compose("MIN"),
        11: compose("", "", f"M{first.minutes}", write_timestamp(first.start), write_timestamp(end)),
        16: provider,
        20: provider,
    }
    placer = compose(order.placer_number, order.placer_authority) if order.placer_number else ""
    if destination.hl7_version < "2.4":
        sch[1] = placer  # SCH-26 and SCH-27 are younger
    else:
        sch |= {26: placer, 27: compose(order.filler_number, "WETREAD")}
    lines = [
        write_msh(destination, f"SIU^{event}^SIU_S12", control_id, at),
        write_segment("SCH", sch),
        write_pid(survivor(order.patient)),
        write_pv1(order.visit),
        write_segment("RGS", {1: "1"}),
    ]
    for number, step in enumerate(steps, start=1):
        code = compose(step.procedure.code, step.procedure.code_text, step.procedure.coding_system or "L")
        ais: dict[int, str | Encoded] = {1: str(number), 3: code, 4: write_timestamp(step.start)}
        lines.append(write_segment("AIS", ais | {7: str(step.minutes), 8: "MIN"}))
    lines += [write_segment("AIL", {1: "1", 3: compose("", "", "", first.location or "?"), 4: compose("ROOM")})]
    return lines


def build_charge(
    destination: Destination, procedure: RequestedProcedure, signed_at: datetime, control_id: str, at: datetime
) -> list[str]:
    """DFT^P03 when a report is final: CPT in FT1-25, relative value units as the quantity's text in FT1-9."""
    order, known = procedure.order, procedure.procedure
    cpt = known.cpt if known else ""
    code = compose(cpt or procedure.code, procedure.code_text, "C4" if cpt else procedure.coding_system or "L")
    provider = compose(order.ordering_provider_id or "U", *split_name(order.ordering_provider))
    ft1: dict[int, str | Encoded] = {
        1: "1",
        4: write_timestamp(signed_at),
        6: "CG",
        7: code,
        9: f"RVU {known.rvu}" if known else "",
        10: "1",
        21: provider,
        23: compose(order.filler_number, "WETREAD"),
        25: code,
    }
    return [
        write_msh(destination, "DFT^P03^DFT_P03", control_id, at),
        write_segment("EVN", {1: "P03", 2: write_timestamp(at)}),
        write_pid(survivor(order.patient)),
        write_pv1(order.visit),
        write_segment("FT1", ft1),
        write_segment("PR1", {1: "1", 3: code, 5: write_timestamp(signed_at), 6: "D"}),
    ]


def _procedures(order: Order) -> list[RequestedProcedure]:
    return list(order.procedures.select_related("procedure").order_by("pk"))


def _steps(procedure: RequestedProcedure) -> list[ScheduledStep]:
    """The steps that stand; all of them where all are cancelled."""
    steps = list(procedure.steps.order_by("pk"))
    return [step for step in steps if step.state != states.CANCELLED] or steps


def _orc(order: Order, control: str, step: ScheduledStep) -> str:
    return write_segment(
        "ORC",
        {
            1: control,
            2: compose(order.placer_number, order.placer_authority) if order.placer_number else "",
            3: compose(order.filler_number, "WETREAD"),
            5: "CA" if control == "CA" else "SC",
            7: _timing(order, step),
            12: compose(order.ordering_provider_id, *split_name(order.ordering_provider)),
        },
    )


def _timing(order: Order, step: ScheduledStep) -> Encoded:
    return compose("", "", "", write_timestamp(step.start), "", HL7_PRIORITY[order.priority])


def _step_fields(order: Order, step: ScheduledStep) -> dict[int, str | Encoded]:
    return {
        20: step.number,
        21: step.station_aes[0] if step.station_aes else "",
        24: step.modality,
        27: _timing(order, step),
    }
