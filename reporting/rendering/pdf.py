"""A released version on paper. The same version gives the same bytes, at any time."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from ris.kernel.templatetags.times import MONTHS
from ris.orders.models import Order
from ris.patients.models import Patient
from ris.patients.selectors import survivor

from ..models import ReportVersion
from .content import STATUS, TITLES, clean, common_with, critical_of, holding, parts_of

FONTS = Path(__file__).parent / "fonts"
TEXT, EAST_ASIAN = "dejavu", "wqy"
"""Latin, Greek, Cyrillic, Hebrew, Arabic, signs; and what that lacks: Chinese, Japanese, Korean."""
MARGIN, LINE = 18.0, 5.0
"""Millimetres on A4."""
PAGES = "000\ue000"
"""Stands, as wide, for the number of pages until it is known; :func:`clean` lets no private character through."""
CRITICAL_COLOURS = {"red": (185, 28, 28), "orange": (180, 83, 9), "yellow": (133, 100, 4)}


def render_pdf(version: ReportVersion) -> bytes:
    """The report as of ``version`` as a PDF: whose, of what exam, its text, who signed when.

    Needs no program or font outside of this package, fetches nothing, runs nothing that stands in the text.
    Names and numbers of the patient are those of today.
    """
    paper = _Paper(version)
    paper.add_page()
    paper.head()
    paper.body()
    return bytes(paper.output())


def _remarks(version: ReportVersion) -> list[str]:
    """What a reader must know before the text."""
    remarks = []
    if version.kind == ReportVersion.PRELIMINARY:
        remarks.append("Not yet signed by a radiologist; it may change.")
    if version.kind == ReportVersion.RETRACTED:
        cause = version.get_retraction_display()
        remarks.append(f"Retracted: do not rely on what was sent before. {cause}: {clean(version.reason)}")
    text = holding(version)[0]
    if text.kind == ReportVersion.CORRECTED:
        remarks.append(f"Takes the place of what was signed before. Corrected because: {clean(text.reason)}")
    critical = critical_of(version)
    if critical:
        remarks.append(f"Critical finding ({critical.critical_level}): {clean(critical.critical_finding)}")
    return remarks


def _signature(version: ReportVersion) -> str:
    return f"{clean(version.author.display_name)}, {_moment(version.signed_at, version)}"


def _ending(version: ReportVersion) -> str:
    """Who stands for the text: a preliminary is released, not signed."""
    word = {ReportVersion.PRELIMINARY: "Released", ReportVersion.RETRACTED: "Retracted"}.get(version.kind, "Signed")
    return f"{word}: {_signature(version)}"


def _moment(at: datetime, version: ReportVersion) -> str:
    """In the zone of the site that did the exam, which it names."""
    local = at.astimezone(ZoneInfo(version.report.procedure.order.site.time_zone))
    return f"{_day(local)} {local:%H:%M} {local.tzname()}"


def _day(value: date) -> str:
    return f"{value.day:02d}-{MONTHS[value.month - 1]}-{value.year}"


class _Paper(FPDF):
    def __init__(self, version: ReportVersion) -> None:
        super().__init__(format="A4")
        self.version = version
        self.add_font(TEXT, "", FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(TEXT, "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
        # The letters of the first font: what it lacks is looked for in the second.
        self._known = self._letters(TEXT)
        # Arabic letters join and Hebrew runs from the right only with shaping.
        self.set_text_shaping(True)
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, margin=MARGIN + 4)
        self.alias_nb_pages(PAGES)
        # Not the present time: the same version gives the same bytes.
        self.set_creation_date(version.signed_at)
        self.set_title(f"{STATUS[version.kind]} {version.report.item.accession}")
        self.set_producer("Wetread")

    def head(self) -> None:
        """Site, status, patient, exam."""
        order, procedure = self.version.report.procedure.order, self.version.report.procedure
        self._line(clean(order.site.name), size=9, grey=True)
        self._line(STATUS[self.version.kind], size=16, bold=True)
        self.ln(1)
        # After a merge the order still refers to the record that was merged.
        patient = survivor(order.patient)
        for label, value in _facts(patient, order, str(procedure), self.version):
            self._fact(label, value)
        self.ln(1)
        self.set_draw_color(200, 200, 200)
        self.line(MARGIN, self.get_y(), self.w - MARGIN, self.get_y())
        self.ln(3)
        critical = critical_of(self.version)
        for remark in _remarks(self.version):
            if critical and remark.startswith("Critical"):
                self.set_text_color(*CRITICAL_COLOURS[critical.critical_level])
            self._line(remark, size=10, bold=True)
            self.set_text_color(0)

    def body(self) -> None:
        """The sections, each addendum with who added it, then who signed."""
        for part in parts_of(self.version):
            self.ln(2)
            title = TITLES[part.section]
            self._line(title if part.section != "addendum" else f"{title}, {_signature(part.version)}", bold=True)
            for paragraph in clean(part.text).split("\n"):
                self._line(paragraph)
        signed = holding(self.version)[0]
        if signed.attestation:
            self.ln(2)
            self._line(clean(signed.attestation))
        self.ln(4)
        self._line(_ending(signed), bold=True)
        if signed.first_author:
            self._line(f"Written first by {clean(signed.first_author.display_name)}", grey=True)

    def footer(self) -> None:
        """On each page: whose report, which version, which page of how many."""
        self.set_y(-MARGIN)
        name = clean(survivor(self.version.report.procedure.order.patient).display_name)
        origin = f"{name} · {self.version.report.item.accession} · version {self.version.number}"
        self._line(f"{origin} · page {self.page_no()} of {PAGES}", size=8, grey=True)

    def _shown(self, text: str) -> str:
        """The text with what no font can write as ``[U+0E01]``: a letter that is lost in silence can hurt."""
        if all(ord(char) in self._known for char in text):
            return text
        if EAST_ASIAN not in self.fonts:  # it is large, and most reports do without
            self.add_font(EAST_ASIAN, "", FONTS / "wqy-microhei.ttc")
            self.set_fallback_fonts([EAST_ASIAN], exact_match=False)
            self._known |= self._letters(EAST_ASIAN)
        return "".join(char if ord(char) in self._known or char in PAGES else f"[U+{ord(char):04X}]" for char in text)

    def _letters(self, name: str) -> set[int]:
        font = self.fonts[name]
        return set(font.cmap) if isinstance(font, TTFFont) else set()

    def _fact(self, label: str, value: str) -> None:
        self.set_font(TEXT, "", 9)
        self.set_text_color(110)
        self.cell(34, LINE, label)
        self.set_text_color(0)
        self.set_font(TEXT, "", 10)
        self.multi_cell(0, LINE, self._shown(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _line(self, text: str, *, size: float = 10.5, bold: bool = False, grey: bool = False) -> None:
        """A paragraph; one that begins in a right-to-left script is set from the right."""
        self.set_font(TEXT, "B" if bold else "", size)
        if grey:
            self.set_text_color(110)
        shown = self._shown(text) or " "
        align = "R" if _from_the_right(text) else "L"
        self.multi_cell(0, LINE * size / 10.5, shown, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if grey:
            self.set_text_color(0)


def _facts(patient: Patient, order: Order, exam: str, version: ReportVersion) -> list[tuple[str, str]]:
    ids = [f"{row.value} ({row.authority})" for row in patient.identifiers.order_by("pk") if not row.retired]
    born = _day(patient.birth_date) if patient.birth_date else "unknown"
    names = [patient.display_name, patient.ideographic_name.replace("^", " ").strip()]
    rows = [
        ("Patient", "  ".join(filter(None, names))),
        ("Born, sex", f"{born}, {patient.get_sex_display().lower()}"),
        ("Identifiers", ", ".join(ids)),
        ("Exam", exam),
        ("Read together with", ", ".join(common_with(version))),
        ("Accession number", order.accession),
        ("Ordered by", order.ordering_provider.replace("^", " ").strip()),
        ("Released", _moment(version.signed_at, version)),
    ]
    return [(label, clean(value)) for label, value in rows if value.strip()]


def _from_the_right(text: str) -> bool:
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return False
