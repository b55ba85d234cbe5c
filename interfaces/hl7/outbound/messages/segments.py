"""Writing messages: segments from field numbers; values cannot leave their place."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from interfaces.hl7.models import Destination
from interfaces.hl7.v2 import datatypes
from interfaces.hl7.v2.encoding import escape
from ris.orders.models import Order, RequestedProcedure
from ris.patients.models import Patient, Visit

MessageBuilder = Callable[[Destination, str, datetime], list[str]]
"""(destination, control id, at) → segments without their terminators."""


class Encoded(str):
    """Text that is HL7 already: separators in it separate."""

    __slots__ = ()


def compose(*values: str | Encoded, by: str = "^") -> Encoded:
    """Components (or, ``by="&"``, sub-components), each escaped; empty ones at the end left out."""
    return Encoded(by.join(v if isinstance(v, Encoded) else escape(v) for v in values).rstrip(by))


def split_name(name: str) -> tuple[str, str]:
    """(family, given) of ``FAMILY^GIVEN``."""
    family, _, given = name.partition("^")
    return family, given


def write_segment(name: str, fields: Mapping[int, str | Encoded]) -> str:
    """A segment; values that are not :class:`Encoded` are escaped."""
    said = {n: v if isinstance(v, Encoded) else escape(v) for n, v in fields.items() if v}
    return "|".join([name, *(said.get(n, "") for n in range(1, max(said, default=0) + 1))])


def new_control_id() -> str:
    """MSH-10: 20 characters, never twice."""
    return f"W{uuid.uuid4().hex[:19]}".upper()


def write_timestamp(at: datetime | None) -> str:
    """A moment as HL7 TS in UTC; empty for None."""
    return datatypes.format_moment(at, datatypes.zone_named("UTC")) if at else ""


def write_msh(destination: Destination, kind: str, control_id: str, at: datetime) -> str:
    """The header. ``kind`` is ``ORU^R01^ORU_R01``; in 2.3.1 the structure is left out where type and event imply it."""
    implied = destination.hl7_version < "2.4" and kind.rsplit("^", 1)[1] == "_".join(kind.split("^")[:2])
    return "|".join(
        [
            "MSH",
            "^~\\&",
            "WETREAD",
            "RIS",
            escape(destination.application or destination.name),
            escape(destination.facility),
            write_timestamp(at),
            "",
            kind.rsplit("^", 1)[0] if implied else kind,
            control_id,
            "P",
            destination.hl7_version,
            *([""] * 5),
            escape(destination.charset),
        ]
    )


def write_pid(patient: Patient) -> str:
    """The patient with all identifiers that are in use, the oldest first."""
    rows = sorted(patient.identifiers.all(), key=lambda row: (row.retired, row.pk))
    ids = Encoded("~".join(compose(row.value, "", "", row.authority, row.kind) for row in rows))
    named = compose(patient.family_name, patient.given_name, patient.middle_name, patient.suffix, patient.prefix)
    return write_segment(
        "PID",
        {
            1: "1",
            3: ids,
            5: named,
            7: f"{patient.birth_date:%Y%m%d}" if patient.birth_date else "",
            8: patient.sex or "U",
        },
    )


def write_pv1(visit: Visit | None) -> str:
    """The visit; class U (unknown) where there is none."""
    if visit is None:
        return write_segment("PV1", {1: "1", 2: "U"})
    location = compose(*visit.location.split("-", 2)) if visit.location else ""
    return write_segment(
        "PV1",
        {
            1: "1",
            2: visit.patient_class or "U",
            3: location,
            7: compose("", *split_name(visit.attending)) if visit.attending else "",
            8: compose("", *split_name(visit.referring)) if visit.referring else "",
            19: visit.number,
        },
    )


def write_orc(order: Order, control: str, *, status: str = "") -> str:
    """The order's numbers under a control code (table 0119) and status (table 0038)."""
    return write_segment(
        "ORC",
        {
            1: control,
            2: compose(order.placer_number, order.placer_authority) if order.placer_number else "",
            3: compose(order.filler_number, "WETREAD"),
            5: status,
            12: compose(order.ordering_provider_id, *split_name(order.ordering_provider)),
        },
    )


def write_obr(order: Order, procedure: RequestedProcedure, extra: Mapping[int, str | Encoded] | None = None) -> str:
    """The procedure; accession number in OBR-18, Requested Procedure ID in OBR-19."""
    fields: dict[int, str | Encoded] = {
        1: "1",
        2: compose(order.placer_number, order.placer_authority) if order.placer_number else "",
        3: compose(order.filler_number, "WETREAD"),
        4: compose(procedure.code, procedure.code_text, procedure.coding_system or "L"),
        16: compose(order.ordering_provider_id, *split_name(order.ordering_provider)),
        18: order.accession,
        19: procedure.number,
        24: procedure.modality,
    }
    return write_segment("OBR", fields | dict(extra or {}))
