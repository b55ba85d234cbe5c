"""ORC, OBR and what follows them: the order and one procedure of it, with all that is known here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ris.orders.models import Order, RequestedProcedure

from .segments import (
    Encoded,
    Fields,
    compose,
    escape_text,
    filler_number,
    ordering_provider,
    placer_number,
    repeat,
    split_lines,
    split_name,
    write_entity,
    write_segment,
)

SIDES = {"L": "LEFT", "R": "RIGHT", "B": "BILATERAL"}
"""Laterality → component 5 of OBR-15 (site modifier; IHE RAD TF-2, 4.4)."""


def write_orc(order: Order, control: str, *, status: str = "", extra: Mapping[int, str | Encoded] | None = None) -> str:
    """The order's numbers under a control code (table 0119) and status (table 0038)."""
    fields: Fields = {
        1: control,
        2: placer_number(order),
        3: filler_number(order),
        4: write_entity(order.group_entity, str(order.group_entity[0]), "") if order.group_entity else "",
        5: status,
        12: ordering_provider(order),
        14: order.call_back_phone,
    }
    return write_segment("ORC", fields | dict(extra or {}))


def write_obr(
    order: Order, procedure: RequestedProcedure, extra: Mapping[int, str | Encoded] | None = None, *, number: int = 1
) -> str:
    """The procedure; accession number in OBR-18, Requested Procedure ID in OBR-19."""
    side = SIDES.get(procedure.laterality, "")
    fields: Fields = {
        1: str(number),
        2: placer_number(order),
        3: filler_number(order),
        4: compose(procedure.code, procedure.code_text, procedure.coding_system or "L"),
        12: compose(order.patient_state),
        13: escape_lines(order.clinical_info),
        15: compose("", "", "", "", side),
        16: ordering_provider(order),
        17: order.call_back_phone,
        18: order.accession,
        19: procedure.number,
        24: procedure.modality,
        28: repeat(_write_copy(copy) for copy in order.copies_to),
        30: order.transport,
        31: _reasons(order),
    }
    return write_segment("OBR", fields | dict(extra or {}))


def write_notes(order: Order) -> list[str]:
    """NTE: the comments of the order, a segment for each line."""
    # An NTE without text is refused by some receivers.
    lines = [line for line in split_lines(order.comments) if line.strip()]
    return [write_segment("NTE", {1: str(n), 3: escape_text(line)}) for n, line in enumerate(lines, start=1)]


def write_diagnoses(order: Order) -> list[str]:
    """DG1: the diagnoses that came with the order; ``W`` (working) where the type was not said (table 0052)."""
    return [
        write_segment("DG1", {1: str(n), 3: code, 6: kind or "W"})
        for n, (code, kind) in enumerate(list_diagnoses(order), start=1)
    ]


def list_diagnoses(order: Order) -> Iterator[tuple[Encoded, str]]:
    """(CE, type) of each diagnosis."""
    for row in order.diagnoses:
        code, text, system, kind = _cells(row, 4)
        yield compose(code, text, system), kind


def write_order_observations(order: Order) -> list[str]:
    """OBX that came with the order, such as weight and height."""
    rows = [_cells(row, 5) for row in order.observations]
    return [
        write_segment(
            "OBX",
            {
                1: str(n),
                2: "ST",
                3: compose(code, text, system),
                4: "1",
                5: escape_lines(value),
                6: compose(units),
                11: "F",
            },
        )
        for n, (code, text, system, value, units) in enumerate(rows, start=1)
    ]


def escape_lines(text: str) -> Encoded:
    """A text of several lines in one field: lines end in ``\\.br\\`` (2.7.5)."""
    return Encoded("\\.br\\".join(escape_text(line) for line in split_lines(text)))


def _reasons(order: Order) -> Encoded:
    """OBR-31: the coded reasons, else the text."""
    # Receivers show the codes; the text goes only where there are none.
    coded = repeat(compose(*_cells(row, 3)) for row in order.reason_codes)
    return coded or compose("", Encoded(escape_lines(order.reason)))


def _write_copy(row: Sequence[str]) -> Encoded:
    """OBR-28, XCN: somebody who gets a copy of the result."""
    identifier, name, authority = _cells(row, 3)
    family, given = split_name(name)
    return compose(identifier, family, given, "", "", "", "", "", compose(authority, by="&"))


def _cells(row: Sequence[str], count: int) -> list[str]:
    """The first cells of a row that was kept as JSON, as texts; missing ones are empty."""
    return [str(cell or "") for cell in [*row, *[""] * count][:count]]
