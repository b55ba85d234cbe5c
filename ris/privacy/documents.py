"""A patient's access report as a file: CSV for a table, PDF for the patient's hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.fonts import FontFace

from reporting.rendering.content import clean
from reporting.rendering.pdf import FONTS
from ris.audit.models import AuditEvent
from ris.patients.models import Patient

from .selectors import Access

HEAD = ("When (UTC)", "Who", "Name", "On behalf of", "Purpose", "From", "What", "Of what", "Reason")
NORMAL = "usual work"
"""Stands for an empty purpose of use."""


def as_csv(events: Iterable[AuditEvent]) -> str:
    """One line an event, RFC 4180, with a byte order mark so that spreadsheets read it as UTF-8."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(HEAD)
    for event in events:
        acting_for = event.acting_for.display_name if event.acting_for else ""
        name = event.user.display_name if event.user else ""
        cells = [
            f"{event.at:%Y-%m-%d %H:%M:%S}", event.actor, name, acting_for, event.purpose or NORMAL, event.source,
            event.action, f"{event.subject} {event.subject_id}", event.reason,
        ]  # fmt: skip
        rows.writerow(map(_cell, cells))
    return "\ufeff" + out.getvalue()


def _cell(text: str) -> str:
    """A text that a spreadsheet takes for no formula (CWE-1236)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def as_pdf(patient: Patient, accesses: list[Access], *, zone: ZoneInfo, at: datetime) -> bytes:
    """Who had to do with the data of this patient, by person and purpose; times by ``zone``, which is named."""
    paper = FPDF(orientation="landscape", format="A4")
    paper.add_font("text", "", FONTS / "DejaVuSansCondensed.ttf")
    paper.add_font("text", "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
    paper.set_creation_date(at)
    paper.set_title("Access report")
    paper.add_page()
    paper.set_font("text", "B", 15)
    paper.cell(0, 9, "Who had access to your data", new_x="LMARGIN", new_y="NEXT")
    paper.set_font("text", "", 10)
    born = f", born {patient.birth_date:%Y-%m-%d}" if patient.birth_date else ""
    local = at.astimezone(zone)
    paper.multi_cell(0, 6, clean(f"{patient.display_name}{born}. Made {local:%Y-%m-%d %H:%M} ({zone.key}). "
                                 "Each line is a person or a system, and a purpose."),
                     new_x="LMARGIN", new_y="NEXT")  # fmt: skip
    paper.ln(2)
    paper.set_font("text", "", 8)
    head = ("Who", "Purpose", "First", "Last", "Looked", "Changed", "What")
    with paper.table(col_widths=(44, 22, 28, 28, 14, 16, 90), headings_style=FontFace(emphasis="BOLD")) as table:
        table.row(head)
        for access in accesses:
            table.row(_line_of(access, zone))
    return bytes(paper.output())


def _line_of(access: Access, zone: ZoneInfo) -> list[str]:
    who = f"{access.name or access.actor}" + (f" for {access.acting_for}" if access.acting_for else "")
    first, last = (f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (access.first, access.last))
    cells = [who, access.purpose or NORMAL, first, last, str(access.looks), str(access.changes),
             ", ".join(access.actions)]  # fmt: skip
    return [clean(cell) for cell in cells]
