"""DFT out: what is charged when a report is final (IHE RAD-35)."""

from __future__ import annotations

from datetime import datetime

from interfaces.hl7.models import Destination
from reporting.models import ReportVersion
from ris.orders.models import RequestedProcedure
from ris.patients.selectors import survivor

from .order_segments import list_diagnoses, write_diagnoses
from .oru import interpreter_parts, performed_at
from .segments import (
    Encoded,
    Fields,
    compose,
    filler_number,
    ordering_provider,
    repeat,
    write_msh,
    write_pid,
    write_pv1,
    write_segment,
    write_timestamp,
)

MODIFIERS = {"L": "LT", "R": "RT", "B": "50"}
"""Laterality → procedure code modifier (table 0340, CPT): left, right, both sides."""


def build_charge(destination: Destination, version: ReportVersion, control_id: str, at: datetime) -> list[str]:
    """DFT^P03: FT1-4 is the day of service, FT1-5 that of signing; relative value units are a text in FT1-9."""
    procedure = version.report.procedure
    order, code = procedure.order, _code(procedure)
    service_at = write_timestamp(performed_at(procedure))
    reader, modifier = compose(*interpreter_parts(version)), compose(MODIFIERS.get(procedure.laterality, ""))
    diagnoses = repeat(diagnosis for diagnosis, _ in list_diagnoses(order))
    # An order of something that the catalog lacks has no relative value units.
    known = procedure.procedure
    transaction: Fields = {
        1: "1",
        2: order.filler_number,
        4: service_at,
        5: write_timestamp(version.signed_at),
        6: "CG",
        7: code,
        9: f"RVU {known.rvu}" if known else "",
        10: "1",
        18: order.visit.patient_class if order.visit else order.patient_class,
        19: diagnoses,
        20: reader,
        21: ordering_provider(order) or compose("U"),
        23: filler_number(order),
        25: code,
        26: modifier,
    }
    service: Fields = {1: "1", 3: code, 5: service_at, 6: "D", 12: reader, 16: modifier}
    return [
        write_msh(destination, "DFT^P03^DFT_P03", control_id, at),
        write_segment("EVN", {1: "P03", 2: write_timestamp(at)}),
        write_pid(survivor(order.patient), destination),
        write_pv1(order.visit, order),
        write_segment("FT1", transaction),
        write_segment("PR1", service),
        *write_diagnoses(order),
    ]


def _code(procedure: RequestedProcedure) -> Encoded:
    """The CPT code of the catalog (C4), else the code of the order."""
    cpt = procedure.procedure.cpt if procedure.procedure else ""
    system = "C4" if cpt else procedure.coding_system or "L"
    return compose(cpt or procedure.code, procedure.code_text, system)
