"""A released version as a document: what holds with it, in order, whatever it is rendered to."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ..checks import SECTIONS
from ..models import ReportVersion

TITLES = {
    "technique": "Technique",
    "comparison": "Comparison",
    "findings": "Findings",
    "impression": "Impression",
    "addendum": "Addendum",
}
STATUS = {
    ReportVersion.PRELIMINARY: "Preliminary report",
    ReportVersion.FINAL: "Final report",
    ReportVersion.ADDENDUM: "Final report with addendum",
    ReportVersion.CORRECTED: "Corrected report",
    ReportVersion.RETRACTED: "Retracted report",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A section that has a text, and the version it was released with."""

    section: str
    text: str
    version: ReportVersion


def holding(version: ReportVersion) -> list[ReportVersion]:
    """The versions that together are the report as of ``version``, in the order of reading.

    A correction takes the place of the text that it corrects; an addendum follows the text that it adds to,
    and stays when that text is corrected later. A preliminary stands alone, and so does a retraction: nothing of what
    was retracted holds, then or in the report that is written anew (its next edition).
    """
    if version.kind in (ReportVersion.PRELIMINARY, ReportVersion.RETRACTED):
        return [version]
    so_far = version.report.versions.filter(number__lte=version.number, edition=version.edition)
    so_far = so_far.select_related("author", "first_author")
    return holding_among(list(so_far.order_by("number")))


def holding_among(versions: list[ReportVersion]) -> list[ReportVersion]:
    """What :func:`holding` gives for the last of these: all versions of a report up to it, by number."""
    if not versions or versions[-1].kind in (ReportVersion.PRELIMINARY, ReportVersion.RETRACTED):
        return versions[-1:]
    edition = versions[-1].edition
    signed = [row for row in versions if row.kind != ReportVersion.PRELIMINARY and row.edition == edition]
    # The newest text counts alone: a correction takes the place of all texts before it.
    text = [version for version in signed if version.kind != ReportVersion.ADDENDUM][-1:]
    return [*text, *(version for version in signed if version.kind == ReportVersion.ADDENDUM)]


def parts_of(version: ReportVersion) -> Iterator[Part]:
    """The sections that hold with ``version``; empty ones are left out."""
    for released in holding(version):
        for section in (*SECTIONS, "addendum"):
            text = getattr(released, section).strip()
            if text:
                yield Part(section, text, released)


def critical_of(version: ReportVersion) -> ReportVersion | None:
    """The version that says what is critical as of ``version``: the newest addendum that brings a critical
    finding since the text, or else the text if it holds one."""
    for released in sorted(holding(version), key=lambda v: v.number, reverse=True):
        if released.critical_level:
            return released
        if released.kind != ReportVersion.ADDENDUM:
            return None
    return None


def common_with(version: ReportVersion) -> list[str]:
    """The other exams that the text covered when it was released: name and accession number."""
    exams = holding(version)[0].shown.get("common", [])
    own = version.report.procedure_id
    return [f"{exam['exam']} ({exam['accession']})" for exam in exams if exam["procedure"] != own]


# U+202A to U+202E embed and override a direction, U+2066 to U+2069 isolate one (Unicode UAX #9, 2.1 to 2.4).
_BIDI_CONTROLS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def clean(text: str) -> str:
    """Text that stays text on paper: lines end in LF, tabs are blanks; control characters, private ones and
    those that turn the direction of what follows (so that it reads otherwise than it was signed) are left out."""
    lines = ["".join(_kept(char) for char in line) for line in text.splitlines()]
    return "\n".join(lines)


def _kept(char: str) -> str:
    if char == "\t":
        return "    "
    # Cc: controls; Cs: half of a pair; Co: private use, which each font draws otherwise; Cn: not assigned.
    return "" if char in _BIDI_CONTROLS or unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") else char
