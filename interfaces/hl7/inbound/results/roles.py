"""Roles of a result by its content, where the sender's settings do not say it. Pure.

Images available (IHE RAD-132), an AI finding, a report dictated by a reader of this system, a report made elsewhere, or
none of these: laboratory values and the like, which are never taken for a finding.
"""

from __future__ import annotations

from ...outbound.messages.oru import SECTIONS as SECTION_CODES
from ...v2.parser import Segment
from ..orders.groups import Request
from ..orders.procedure_segments import STUDY_UID_CODES

IMAGES, AI, DICTATION, OUTSIDE, OTHER = "images", "ai", "dictation", "outside", "other"

TEXT_TYPES = frozenset({"TX", "FT", "ST"})
DOCUMENT_TYPES = frozenset({"ED", "RP"})
POSITIVE = frozenset({"A", "AA", "H", "HH", "L", "LL", "POS", "ABN"})
"""OBX-8: abnormal."""
YES = frozenset({"Y", "YES", "T", "TRUE", "1", "POS", "POSITIVE", "PRESENT", "DETECTED", "10828004", "52101004"})
"""OBX-5 of a coded finding that is there (the last two: SNOMED CT positive, present)."""
NO = frozenset({"N", "NO", "F", "FALSE", "0", "NEG", "NEGATIVE", "ABSENT", "NOT DETECTED", "260385009", "2667000"})
"""OBX-5 of a coded finding that is not there (the last two: SNOMED CT negative, absent)."""
WITHDRAWN = frozenset({"D", "W", "X"})
"""OBX-11 (table 0085): deleted, wrong, cannot be obtained."""

_CODED = frozenset({"CE", "CWE", "CNE", "CF", "ID", "IS"})
_AI_SYSTEMS = ("AI", "RADELEMENT", "RADLEX", "99")
"""Beginnings of coding systems (OBX-3.3) of findings in images; 99: local codes."""
# fmt: off
_LABORATORY = frozenset([
    "LAB", "CH", "HM", "MB", "MCB", "VR", "IMM", "BLB", "SP", "CP", "GE", "TX", "PAR", "MYC",
])
"""OBR-24 (table 0074) of laboratories."""
_IMAGING = frozenset([
    "RAD", "CT", "CTH", "CR", "DX", "DR", "MG", "MR", "MRI", "NMR", "NMS", "NM", "PT", "PET", "US", "RUS", "OUS", "VUS",
    "CUS", "XA", "RF", "XRC", "RX", "RT", "IMG", "ES", "EC",
])
"""OBR-24 of imaging: table 0074, and the modalities of DICOM that senders write there."""
# fmt: on
_REPORT_CODES = frozenset({"18748-4", "11528-7", "68604-8", "59776-5", "19005-8", "GDT", "IMP", "REPORT", "RPT"})
"""OBX-3 of a report of imaging, beside the codes of sections."""


def role_of(request: Request, *, is_case_known: bool, is_author_named: bool, has_specimen: bool) -> str:
    """The role of one OBR with its OBX.

    ``is_case_known``: an order or study of this system is named. ``is_author_named``: OBR-32 says who dictated it.
    """
    others = [obx for obx in request.observations if obx.text(3) not in STUDY_UID_CODES]
    if not others:
        return IMAGES
    section = request.obr.text(24).upper() if request.obr else ""
    if has_specimen or section in _LABORATORY:
        return OTHER
    is_imaging = is_case_known or section in _IMAGING or any(_is_report_code(obx) for obx in others)
    is_report = any(obx.text(2) in DOCUMENT_TYPES or _is_text(obx) for obx in others)
    findings = [obx for obx in others if is_finding(obx)]
    if findings and not any(obx.text(2) in TEXT_TYPES for obx in others):
        return AI
    if not is_report or not is_imaging:
        return OTHER
    return DICTATION if is_author_named and any(map(_is_text, others)) else OUTSIDE


def is_finding(obx: Segment) -> bool:
    """Whether a coded observation says that something is there or not, in a code that no laboratory uses."""
    if obx.text(2) not in _CODED:
        return False
    system = obx.text(3, 3).upper()
    if system and not system.startswith(_AI_SYSTEMS) and not obx.text(3).upper().startswith("RDE"):
        return False
    return obx.text(5).upper() in YES | NO or obx.text(5, 2).upper() in YES | NO


def _is_text(obx: Segment) -> bool:
    """A line of text, or one that is taken back."""
    return obx.text(2) in TEXT_TYPES and bool(obx.whole(5) or obx.text(11).upper() in WITHDRAWN)


def _is_report_code(obx: Segment) -> bool:
    codes = {obx.text(3).upper(), obx.text(3, 1, 2).upper()}
    return bool(codes & (_REPORT_CODES | {code for code, _ in SECTION_CODES.values()}))
