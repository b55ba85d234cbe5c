"""Acknowledgments: MSH, MSA and, for a refusal, ERR (HL7 v2.5.1 chapters 2.9 and 2.15.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ris.kernel.errors import Conflict, Forbidden, NotFound, Refusal

from .datatypes import format_moment
from .encoding import CODECS, codec_named, escape, escape_each
from .header import Header, parse_header, recover_header
from .parser import parse_message

ACCEPT, ERROR, REJECT = "AA", "AE", "AR"
COMMIT = {ACCEPT: "CA", ERROR: "CE", REJECT: "CR"}
"""MSA-1 of the original mode → MSA-1 of the accept phase of the enhanced mode (table 0008)."""

ERRORS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
"""HL7 table 0357."""

_CODES = {
    "required": "101",
    "data-type": "102",
    "table-value": "103",
    "duplicate": "205",
    "unreadable": "100",
    "unwelcome": "207",
    "identity": "204",  # the number is known as somebody else's: to send it again does not help
    "reversed": "204",
}
"""Code of a refusal → table 0357."""
_PLACES = {
    "accession": "OBR-18",
    "placer_number": "ORC-2",
    "study_uid": "ZDS-1",
    "priority": "ORC-7",
    "procedures": "OBR-4",
    "procedures.code": "OBR-4",
    "patient": "PID-3",
    "order": "ORC-2",
    "step": "ORC-5",
}
"""Field of a service → the field of a message that gave it."""

REJECTED = frozenset({"200", "201", "202", "203"})
"""Codes of messages that this system does not support whatever their content: answered AR."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is refused: code of table 0357, place such as ``OBR[2]-18.1``, a sentence that says the cure."""

    code: str
    place: str
    text: str
    rejected: bool = False
    """The cause is not in the content: answered AR."""

    @property
    def ack(self) -> str:
        """MSA-1: AE or AR."""
        return REJECT if self.rejected or self.code in REJECTED else ERROR


def fault_from(refusal: Refusal) -> Fault:
    """Return a refusal of a service as a fault of the message."""
    code = _CODES.get(refusal.code, refusal.code)
    if code not in ERRORS:
        code = _code_of_kind(refusal)
    return Fault(code, _PLACES.get(refusal.at, refusal.at), refusal.detail, rejected=refusal.code == "unwelcome")


_NUMBERS = re.compile(r"(?:PID|MRG|PV1|ZDS|SCH)(?:\[\d+\])?-\d+|(?:ORC|OBR)(?:\[\d+\])?-(?:2|3|18|19)")
"""Places of fields that hold numbers: a Conflict there is about a key that something else has (205)."""


def _code_of_kind(refusal: Refusal) -> str:
    """The code of table 0357 for a refusal that names none itself."""
    if isinstance(refusal, NotFound):
        return "204"
    if isinstance(refusal, Conflict):
        return "205" if _NUMBERS.match(_PLACES.get(refusal.at, refusal.at)) else "207"
    return "207" if isinstance(refusal, Forbidden) else "102"


@dataclass(frozen=True, slots=True)
class DefaultReceiver:
    """MSH-3 and MSH-4 of an answer to a message whose MSH-5 and MSH-6 are empty."""

    application: str = "WETREAD"
    facility: str = "RIS"


def build_acknowledgment(
    header: Header,
    code: str,
    *,
    control_id: str,
    at: datetime,
    text: str = "",
    faults: tuple[Fault, ...] = (),
    structure: str = "ACK",
    body: tuple[str, ...] = (),
) -> bytes:
    """Return the answer to a message with this header: MSA-1 is AA, AE, AR, or CA, CE, CR.

    ``structure`` is ``ACK``, or an order response such as ``ORR^O02`` whose further segments are
    ``body``. Encoded in the sender's own character set; MSH-11 and MSH-12 are echoed. ``at`` is MSH-7.
    """
    receiver = DefaultReceiver()
    kind = f"ACK^{header.event}" if structure == "ACK" and header.event else structure
    # The receiver of the message is the sender of its answer.
    *addresses, processing_id, version, charset, echoed_id, sentence = escape_each(
        header.receiving_application or receiver.application,
        header.receiving_facility or receiver.facility,
        header.sending_application,
        header.sending_facility,
        header.processing_id or "P",
        header.version or "2.5.1",
        header.charset,
        header.control_id,
        text or (faults[0].text if faults else ""),
    )
    addresses[2:] = [f"^{name}^ISO" if _OID.fullmatch(name) else name for name in addresses[2:]]
    msh = "|".join(
        [
            *("MSH", "^~\\&", *addresses, format_moment(at, UTC), ""),
            kind if structure != "ACK" or header.version >= "2.4" else "ACK",  # ACK has an event since 2.4
            *(control_id, processing_id, version),
            *([""] * 5 + [charset] if charset else []),  # MSH-18
        ]
    )
    segments = [msh, f"MSA|{code}|{echoed_id}|{sentence}".rstrip("|")]
    segments += [_err(fault, header) for fault in faults]
    return ("\r".join([*segments, *body]) + "\r").encode(codec_named(header.charset) or "utf-8", "replace")


# A sender without a name is known by its universal id (HD.2), which goes back where it stood.
_OID = re.compile(r"\d+(?:\.\d+)+")
# Within which MSH stands, as in ``header.recover_header``.
_HEAD_BYTES = 8192


def echoes_control_id(answer: bytes, header: Header, raw: bytes) -> bool:
    """Whether MSA-2 of an answer of ours is MSH-10 of the message ``raw``, whose recovered header is ``header``.

    The usual case compares one field. The header is read again only where MSH-10 is written another way in the
    answer: with escapes, with delimiters of the sender, in a character set of its own.
    """
    if _msa_2(answer, "latin-1") == header.control_id:
        return True
    return any(_echoes(answer, reading) for reading in _headers(raw))


def _echoes(answer: bytes, header: Header) -> bool:
    codec = codec_named(header.charset) or "utf-8"
    return _msa_2(answer, codec) == escape(header.control_id).encode(codec, "replace").decode(codec)


def _msa_2(answer: bytes, codec: str) -> str | None:
    _, separator, rest = answer.decode(codec, "replace").partition("\rMSA|")
    fields = rest.split("\r", 1)[0].split("|")
    return (fields[1] if len(fields) > 1 else "") if separator else None


def _headers(raw: bytes) -> Iterator[Header]:
    """Yield the header in each way in which it may have been read: recovered, parsed, parsed in a peer's charset."""
    yield recover_header(raw)
    head = raw[:_HEAD_BYTES]
    if len(raw) > _HEAD_BYTES:  # only whole segments: a cut character could not be decoded
        head = head[: max(head.rfind(b"\r"), head.rfind(b"\n")) + 1] or head
    for charset in ("", *CODECS):
        try:
            yield parse_header(parse_message(head, charset=charset))
        except Refusal:
            continue


def _err(fault: Fault, header: Header) -> str:
    """Return ERR as of 2.5, with ERR-1 as well for senders of earlier versions."""
    location, meaning = _location(fault.place), ERRORS[fault.code]
    err_1 = (
        f"{'^'.join(location[i] for i in (0, 1, 2))}^{fault.code}&{meaning}&HL70357" if header.version < "2.5" else ""
    )
    # ERR-2 (ERL) came with 2.5; before, ERR-1 (ELD) held place and code together.
    where = "^".join(location).rstrip("^")
    return f"ERR|{err_1}|{where}|{fault.code}^{meaning}^HL70357|E||||{escape(fault.text)}"


def _location(place: str) -> tuple[str, str, str, str, str]:
    """Return ``OBR[2]-18.1`` as ERL: segment, its sequence, field, repetition, component."""
    segment, _, field = place.partition("-")
    name, _, sequence = segment.partition("[")
    number, _, component = field.partition(".")
    name = name if name.isalnum() and len(name) == 3 else ""
    return (
        name,
        sequence.rstrip("]") or ("1" if name else ""),
        number if number.isdigit() else "",
        "1" if component else "",
        component if component.isdigit() else "",
    )
