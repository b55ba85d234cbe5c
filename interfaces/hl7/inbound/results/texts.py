"""Reports that come as a result: dictated by a reader of this system, or made elsewhere (text, PDF, CDA, RTF).

A dictation becomes the draft of its case. A report made elsewhere is kept as a document of the patient.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from reporting.checks import SECTIONS
from reporting.outside.documents import DocumentIntent, keep_document
from ris.kernel.errors import Invalid
from ris.patients.models import Patient

from ...outbound.messages.sections import SECTIONS as SECTION_CODES
from ...v2.parser import Segment
from ..context import Incoming
from ..orders.groups import Group, Request
from ..patients import person_name

TEXT_TYPES = frozenset({"TX", "FT", "ST"})
DOCUMENT_TYPES = frozenset({"ED", "RP"})
"""OBX-2 of a line of text; of a document, encapsulated or pointed to."""
WITHDRAWN = frozenset({"D", "W", "X"})
"""OBX-11 (table 0085): deleted, wrong, cannot be obtained."""
SECTION_OF_CODE = {code: name for name, (code, _) in SECTION_CODES.items()} | {
    "IMP": "impression",
    "IMPRESSION": "impression",
    "FINDINGS": "findings",
    "GDT": "findings",
    "TECHNIQUE": "technique",
    "COMPARISON": "comparison",
}
CODED_TYPES = frozenset({"CE", "CWE", "CNE", "CF"})
LINE_SUFFIXES = frozenset({"GDT", "IMP", "ADT", "REC", "TCM", "BODY"})
"""OBX-3.1.2 of a line of a report (HL7 v2.5.1 chapter 7.1.4): description, impression, addendum, recommendation …"""
MOST_BYTES = 30_000_000
"""Of one document: a scanned report of many pages has some 10 MB."""
MEDIA_TYPES = {
    "pdf": "application/pdf",
    "rtf": "application/rtf",
    "xml": "application/xml",
    "x-hl7-cda-level-one": "application/xml",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "plain": "text/plain",
    "text": "text/plain",
}
"""ED.3 (table 0291, MIME subtypes), lower case → media type."""


@dataclass(frozen=True, slots=True)
class Dictation:
    """What was dictated: author (OBR-32), texts by section, status (OBR-25, OBX-11: P, F, C, or D for withdrawn)."""

    author: str
    sections: dict[str, str] = field(default_factory=dict)
    status: str = "F"

    def to_json(self) -> dict[str, Any]:
        """For a JSON column."""
        return {"author": self.author, "sections": self.sections, "status": self.status}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Dictation:
        """Read it back; rows of earlier versions lack ``status``."""
        return cls(kept["author"], kept["sections"], kept.get("status", "F"))


def read_dictation(request: Request, incoming: Incoming) -> Dictation:
    """The text by section (OBX-3), line by line; what names no section of ours goes to the findings.

    Raises Invalid when nobody is named as its author.
    """
    sections: dict[str, list[str]] = {}
    for obx in request.observations:
        if is_line(obx) and not _is_line_withdrawn(obx):
            name = section_of(obx) or "findings"
            sections.setdefault(name if name in SECTIONS else "findings", []).append(line_of(obx))
    author = request.obr.text(32, 1, 1) if request.obr else ""
    if not author:
        raise Invalid("Say who dictated it: OBR-32 is empty.", at="OBR-32", code="required")
    texts = {name: "\n".join(lines).strip() for name, lines in sections.items()}
    return Dictation(author, texts, status_of(request))


def is_line(obx: Segment) -> bool:
    """A line of a report: a text, or a coded value under an OBX-3 that names a part of a report."""
    if obx.text(2) in TEXT_TYPES:
        return True
    return obx.text(2) in CODED_TYPES and (obx.text(3, 1, 2).upper() in LINE_SUFFIXES or bool(section_of(obx)))


def line_of(obx: Segment) -> str:
    """What the line says: of a coded value its text (CWE.2, .9), else its code."""
    if obx.text(2) not in CODED_TYPES:
        return obx.whole(5)
    return "\n".join(repeat.text(2) or repeat.text(9) or repeat.text(1) for repeat in obx.repeats(5))


def section_of(obx: Segment) -> str:
    """The section of ours that OBX-3 names; empty for another."""
    return SECTION_OF_CODE.get(obx.text(3).upper()) or SECTION_OF_CODE.get(obx.text(3, 1, 2).upper()) or ""


def status_of(request: Request) -> str:
    """P preliminary, F final, C corrected, D withdrawn: OBX-11 of the lines, else OBR-25 (tables 0085, 0123)."""
    lines = {obx.text(11).upper() for obx in request.observations if is_line(obx) or obx.text(2) in ("ED", "RP")} - {""}
    result = request.obr.text(25).upper() if request.obr else ""
    if (lines and lines <= WITHDRAWN) or (not lines and result == "X"):
        return "D"
    if "C" in lines or result == "C":
        return "C"
    if lines & {"P", "R", "S", "I"} or (not lines and result in ("P", "R", "S", "I", "A")):
        return "P"
    return "F"


def _is_line_withdrawn(obx: Segment) -> bool:
    return obx.text(11).upper() in WITHDRAWN


def read_documents(group: Group, request: Request, incoming: Incoming) -> list[DocumentIntent]:
    """What of one OBR is kept as a document: its lines of text as one, each encapsulated file as one.

    A withdrawal without content gives one intent without bytes. Raises Invalid for a file that cannot be decoded.
    """
    intents = []
    lines = [obx for obx in request.observations if is_line(obx) and line_of(obx)]
    if lines:
        intents.append(_intent(group, request, incoming, "text/plain", _as_text(lines).encode()))
    for obx in request.observations:
        if obx.text(2) == "ED" and obx.text(5, 5):
            intents.append(_intent(group, request, incoming, *_decode(obx)))
        elif obx.text(2) == "RP" and obx.text(5):
            incoming.note_unmet("A report came as a pointer (RP) to another system: it is not fetched.", obx.place(5))
    if not intents and status_of(request) == "D":
        intents.append(_intent(group, request, incoming, "", b""))
    return intents


def keep_attachments(groups: list[Group], patient: Patient, incoming: Incoming) -> None:
    """Keep the files that came with orders, such as a referral letter, as documents of the patient.

    One that cannot be read is warned about: it never stops the order.
    """
    accession = incoming.accession if len(groups) == 1 else ""
    for intent in [i for group in groups for request in group.requests for i in _read_attachments(request, incoming)]:
        document = keep_document(
            intent, patient=patient, procedure=None, accession=accession, actor=incoming.actor, at=incoming.at
        )
        if document is not None:
            incoming.did("kept", document)


def _read_attachments(request: Request, incoming: Incoming) -> list[DocumentIntent]:
    intents = []
    for obx in request.observations:
        if obx.text(2) == "RP" and obx.text(5):
            incoming.warn(f"{obx.place(5)} points to a file in another system: it is not fetched.")
        if obx.text(2) != "ED" or not obx.text(5, 5):
            continue
        try:
            media_type, content = _decode(obx)
        except Invalid as refusal:
            incoming.warn(f"{obx.place(5)}: {refusal.detail} It is kept with the message only.")
            continue
        title = f"With the order: {obx.text(3, 2) or obx.text(3)}"[:199]
        intents.append(
            DocumentIntent(
                source=incoming.peer.name, number="", title=title, author="", media_type=media_type, content=content,
                status="F", dated_at=incoming.message_at,
            )
        )  # fmt: skip
    return intents


def _as_text(lines: list[Segment]) -> str:
    """The lines, with a heading before each section of ours."""
    text: list[str] = []
    heading = ""
    for obx in lines:
        name = section_of(obx)
        if name and name != heading:
            text += [*([""] if text else []), name.capitalize()]
        heading = name
        text.append(line_of(obx))
    return "\n".join(text).strip()


def _intent(group: Group, request: Request, incoming: Incoming, media_type: str, content: bytes) -> DocumentIntent:
    obr = request.obr
    number = (obr.text(3) or obr.text(2)) if obr else ""
    number = number or (group.orc.text(3) or group.orc.text(2) if group.orc else "")
    dated_at = (incoming.moment(obr, 22) or incoming.moment(obr, 7)) if obr else None
    return DocumentIntent(
        source=incoming.peer.name,
        number=number[:199],
        title=((obr.text(4, 2) or obr.text(4)) if obr else "")[:199],
        author=person_name(obr, 32, 2) if obr and obr.text(32, 2) else "",
        media_type=media_type,
        content=content,
        status=status_of(request),
        dated_at=dated_at or incoming.message_at,
    )


def _decode(obx: Segment) -> tuple[str, bytes]:
    """(media type, bytes) of an ED value. What it says it is, is checked against what it is."""
    # ED.4 (table 0299). Senders that leave it out send Base64.
    if obx.text(5, 4).upper() not in ("BASE64", "A", "HEX", ""):
        raise Invalid("This encoding is not known; Base64, Hex or A.", at=obx.place(5), code="data-type")
    encoding, data = obx.text(5, 4).upper(), "".join(obx.text(5, 5).split())
    try:
        if encoding == "HEX":
            content = bytes.fromhex(data)
        elif encoding == "A":
            content = obx.text(5, 5).encode()
        else:
            content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("The document cannot be decoded.", at=obx.place(5), code="data-type") from None
    if not content:
        raise Invalid("The document is empty.", at=obx.place(5), code="required")
    if len(content) > MOST_BYTES:
        raise Invalid(f"A document has at most {MOST_BYTES:,} bytes.", at=obx.place(5), code="102")
    return _media_type(obx, content), content


def _media_type(obx: Segment, content: bytes) -> str:
    """By the first bytes, else by what ED says; never a type that a browser would run."""
    beginnings = ((b"%PDF-", "application/pdf"), (b"{\\rtf", "application/rtf"), (b"\xff\xd8\xff", "image/jpeg"),
                  (b"\x89PNG", "image/png"))  # fmt: skip
    known = next((media_type for start, media_type in beginnings if content.lstrip()[:8].startswith(start)), "")
    named = MEDIA_TYPES.get(obx.text(5, 3).lower(), "")
    checked = {media_type for _, media_type in beginnings}
    return known or (named if named not in checked else "") or "application/octet-stream"
