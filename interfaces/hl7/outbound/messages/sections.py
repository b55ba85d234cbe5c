"""Sections of a report in OBX: what a section is called in OBX-3, and how its text is parted. A destination chooses."""

from __future__ import annotations

import re
from collections.abc import Mapping

from interfaces.hl7.models import Destination
from ris.orders.models import RequestedProcedure

from .segments import Encoded, Fields, compose, escape_text, split_lines

SECTIONS = {
    "technique": ("55111-9", "Current imaging procedure descriptions"),
    "comparison": ("18834-2", "Radiology comparison study"),
    "findings": ("59776-5", "Procedure findings"),
    "impression": ("19005-8", "Radiology imaging study impression"),
    "addendum": ("55107-7", "Addendum"),
}
"""Section of a report → LOINC code and name in OBX-3."""
BESIDE = {
    "reason": ("18785-6", "Radiology Reason for study"),
    "recommendation": ("18783-1", "Radiology Study recommendation"),
}
"""What may stand beside the sections, likewise."""
OBSERVATION = ("18782-3", "Radiology Study observation")
"""What the findings are called by ``"radiology"``: LOINC's own of the radiology class."""

SUFFIXES = {
    "reason": "GDT", "technique": "TCM", "comparison": "GDT", "findings": "GDT", "impression": "IMP",
    "recommendation": "REC", "addendum": "ADT",
}  # fmt: skip
"""Section → suffix of the procedure's code in OBX-3, for receivers that know no LOINC (HL7 2.3, 7.1.4)."""
BREAK = "\\.br\\"
"""A new line within an OBX of formatted text (HL7 2.7.7)."""


def section_code(destination: Destination, procedure: RequestedProcedure, section: str) -> Encoded:
    """OBX-3: the LOINC code of the section, or the procedure's code with a suffix such as ``&IMP``."""
    coding = destination.options.get("sections")
    if coding == "suffix":
        code = compose(procedure.code, SUFFIXES[section], by="&")
        return compose(code, procedure.code_text, procedure.coding_system or "L")
    return compose(
        *(OBSERVATION if coding == "radiology" and section == "findings" else (SECTIONS | BESIDE)[section]), "LN"
    )


def write_text(text: str, fields: Mapping[int, str | Encoded], *, by: str = "line") -> list[Fields]:
    """The OBX of a text: one a ``line`` (TX), one a ``paragraph`` or one for the whole ``section`` (FT).

    A blank line is a blank, because receivers drop an OBX without a value. Paragraphs are parted by blank lines.
    """
    lines = split_lines(text)
    if by == "line":
        return [{2: "TX", 5: escape_text(line or " ")} | dict(fields) for line in lines]
    whole = "\n".join(lines)
    blocks = [block for block in re.split(r"\n[ \t]*\n\s*", whole) if block.strip()] if by == "paragraph" else [whole]
    return [{2: "FT", 5: _formatted(block)} | dict(fields) for block in blocks]


def _formatted(block: str) -> Encoded:
    return Encoded(BREAK.join(escape_text(line) for line in block.split("\n")))
