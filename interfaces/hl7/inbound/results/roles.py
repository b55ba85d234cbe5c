"""What an OBR of an ORU^R01 is: images, findings of an algorithm, a dictation, another's report, an exam's status.

By content, where the sender is not set to send one thing. Values of a laboratory and of bedside monitors are nothing
of imaging; what cannot be told from them is asked of a person, never dropped.
"""

from __future__ import annotations

import re

from ...outbound.messages.sections import SECTIONS as SECTION_CODES
from ...v2.header import Header
from ...v2.parser import Segment
from ..orders.groups import Request
from ..orders.procedure_segments import STUDY_UID_CODES
from .findings import is_finding
from .texts import DOCUMENT_TYPES, TEXT_TYPES, WITHDRAWN, is_line, line_of, section_of

IMAGES, AI, DICTATION, OUTSIDE, STATUS = "images", "ai", "dictation", "outside", "status"
OTHER, UNSURE = "other", "unsure"
"""Another department's; nobody can tell."""

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
_REPORT_CODES = frozenset(["18748-4", "11528-7", "68604-8", "59776-5", "19005-8", "GDT", "IMP", "REPORT", "RPT"])
"""OBX-3 of a report of imaging, beside the codes of sections."""
# fmt: on
# In names of senders and services; not the ward "labour and delivery".
_LABORATORY_WORDS = re.compile(r"LAB(?!OU?R\b)|\bLIS\b|PATHOLOG|MICROBIO|CULTURE|H(A?)EMATO|BLOOD BANK", re.IGNORECASE)
_IMAGING_WORDS = re.compile(r"RADIOL|IMAGING|PACS|\bRIS\b|\bRAD\b", re.IGNORECASE)
_STATUS_WORDS = frozenset(f"{what} STATUS" for what in ("PROCEDURE", "PROC", "EXAM", "EXAMINATION", "STUDY"))
LEAST_WORDS = 2
"""Of a text that is prose; a single word is a value."""
LONG_TEXT_WORDS = 5
"""Of text among values that is more than a remark on one of them: both a report with measurements and a panel."""


def is_status(obx: Segment) -> bool:
    """Whether OBX-3 says, in plain words, that the value is the status of the exam: ``PROCEDURE_STATUS``."""
    names = (obx.text(3).upper(), obx.text(3, 1, 2).upper())
    return any(" ".join(re.split(r"[\s_-]+", name)) in _STATUS_WORDS for name in names)


def names_laboratory(header: Header, request: Request) -> bool:
    """Whether sender, section, service or specimen source (OBR-4, -15, -24) say that a laboratory speaks."""
    obr = request.obr
    if obr is not None and (obr.text(24).upper() in _LABORATORY or obr.whole(15)):
        return True
    service = [obr.text(4), obr.text(4, 2)] if obr is not None else []
    named = " ".join([header.sending_application, header.sending_facility, *service])
    return bool(_LABORATORY_WORDS.search(named)) and not _names_imaging(header, request)


def _names_imaging(header: Header, request: Request) -> bool:
    section = request.obr.text(24).upper() if request.obr else ""
    named = f"{header.sending_application} {header.sending_facility}"
    return section in _IMAGING or bool(_IMAGING_WORDS.search(named))


def role_of(request: Request, header: Header, *, is_case_known: bool, is_author_named: bool, has_specimen: bool) -> str:
    """The role of one OBR with its OBX.

    ``is_case_known``: an order or study of this system is named. ``is_author_named``: OBR-32 says who dictated it.
    """
    others = [obx for obx in request.observations if obx.text(3) not in STUDY_UID_CODES]
    if not others:
        return IMAGES
    section = request.obr.text(24).upper() if request.obr else ""
    if has_specimen or section in _LABORATORY:
        return OTHER
    if all(map(is_status, others)):
        return STATUS
    findings = [obx for obx in others if is_finding(obx)]
    if findings and not any(obx.text(2) in TEXT_TYPES for obx in others):
        return AI
    is_imaging = is_case_known or section in _IMAGING or any(map(_is_of_report, others))
    is_report = any(obx.text(2) in DOCUMENT_TYPES or _is_text(obx) for obx in others)
    if not (is_imaging and is_report):
        return _role_of_unknown(request, header, others)
    return DICTATION if is_author_named and any(map(_is_text, others)) else OUTSIDE


def _role_of_unknown(request: Request, header: Header, others: list[Segment]) -> str:
    """Where no order is known and no code says that it is a report: prose is one, unless a laboratory speaks."""
    if names_laboratory(header, request):
        return OTHER
    words = sum(len(obx.whole(5).split()) for obx in others if obx.text(2) in TEXT_TYPES)
    if any(map(_is_value, others)):
        return UNSURE if words >= LONG_TEXT_WORDS else OTHER
    if words >= LEAST_WORDS or any(obx.text(2) in DOCUMENT_TYPES and obx.whole(5) for obx in others):
        return OUTSIDE
    return UNSURE


def _is_value(obx: Segment) -> bool:
    """A measurement or coded value: by its type, unit (OBX-6), range (OBX-7), or the code of a single word."""
    if obx.text(2) not in TEXT_TYPES | DOCUMENT_TYPES:
        return obx.text(2) != "" or bool(obx.text(3, 3))
    if obx.text(6) or obx.text(7):
        return True
    coded = obx.text(3, 3).upper() in ("LN", "LOINC", "SCT", "MDC")
    return obx.text(2) == "ST" and coded and len(obx.whole(5).split()) < LEAST_WORDS


def _is_text(obx: Segment) -> bool:
    """A line of text, or one that is taken back."""
    return is_line(obx) and bool(line_of(obx) or obx.text(11).upper() in WITHDRAWN)


def _is_of_report(obx: Segment) -> bool:
    """Whether OBX-3 names a report of imaging or one of its sections, by code or by word."""
    codes = {obx.text(3).upper(), obx.text(3, 1, 2).upper()}
    return bool(section_of(obx)) or bool(codes & (_REPORT_CODES | {code for code, _ in SECTION_CODES.values()}))
