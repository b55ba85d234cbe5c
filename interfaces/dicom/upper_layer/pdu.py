"""PDUs of the DICOM upper layer (PS3.8 section 9.3), as bytes.

Only what an acceptor needs: the association request is parsed, a few answers are encoded. Parsers raise MalformedPdu;
nothing here keeps state or touches a socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct, error, unpack_from

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)

VERIFICATION = "1.2.840.10008.1.1"
MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
IMPLEMENTATION_UID = "2.25.309411279406214532087212906842370425147"
IMPLEMENTATION_NAME = "WETREAD"

MAX_PDU_BYTES = 131_072
"""The maximum length that we announce (PS3.8 D.1); a longer PDU ends the association."""

# Numbers of the upper layer are big endian (PS3.8 9.3.1); those of the commands and datasets inside are little
# endian.
_HEADER = Struct(">BxL")
_PDV = Struct(">LBB")
# Header of a P-DATA-TF and of its only data value in one call: a list of a thousand lines needs two thousand of them.
_DATA = Struct(">BxLLBB").pack


class MalformedPdu(Exception):
    """These bytes are no such PDU, or no such message."""


@dataclass(frozen=True, slots=True)
class PresentationContext:
    """A presentation context as it was proposed."""

    id: int
    abstract: str
    transfers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """An A-ASSOCIATE-RQ. ``longest_pdu`` is the peer's limit; 0: none."""

    called: str
    calling: str
    contexts: tuple[PresentationContext, ...]
    longest_pdu: int
    raw_titles: bytes


def parse_header(buffer: bytes | bytearray) -> tuple[int, int]:
    """Type and length of the unit that begins here (six bytes)."""
    kind, length = _HEADER.unpack_from(buffer)
    return kind, length


def _title(raw: bytes) -> str:
    return raw.decode("ascii", "replace").replace("\0", " ").strip()


def _items(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        try:
            kind, length = unpack_from(">BxH", body, at)
        except error:
            raise MalformedPdu("an item is cut short") from None
        if at + 4 + length > len(body):
            raise MalformedPdu("an item is longer than its unit")
        yield kind, body[at + 4 : at + 4 + length]
        at += 4 + length


def _uid(raw: bytes) -> str:
    return raw.decode("ascii", "replace").strip("\0 ")


def parse_associate_request(body: bytes) -> AssociateRequest:
    """The body of an A-ASSOCIATE-RQ (PS3.8 table 9-11)."""
    # Version 2 bytes, reserved 2, two titles of 16 each, reserved 32; only then come items of variable length.
    if len(body) < 68:
        raise MalformedPdu("the association request is cut short")
    contexts, longest = [], 0
    for kind, item in _items(body[68:]):
        # 0x20: presentation context; 0x50: user information, whose sub-item 0x51 is the longest PDU that the peer
        # takes.
        if kind == 0x20:
            contexts.append(_proposed(item))
        elif kind == 0x50:
            lengths = [sub for sub_kind, sub in _items(item) if sub_kind == 0x51 and len(sub) == 4]
            longest = int.from_bytes(lengths[0], "big") if lengths else 0
    return AssociateRequest(_title(body[4:20]), _title(body[20:36]), tuple(contexts), longest, body[4:36])


def _proposed(item: bytes) -> PresentationContext:
    # The id is odd and below 256 (PS3.8 table 9-13).
    if len(item) < 4 or not item[0] & 1:
        raise MalformedPdu("a presentation context has no odd id")
    subs = list(_items(item[4:]))
    # 0x30: abstract syntax, exactly one; 0x40: transfer syntaxes, in the order of the peer's preference.
    abstracts = [_uid(raw) for kind, raw in subs if kind == 0x30]
    if len(abstracts) != 1:
        raise MalformedPdu("a presentation context has no single abstract syntax")
    return PresentationContext(item[0], abstracts[0], tuple(_uid(raw) for kind, raw in subs if kind == 0x40))


def _item(kind: int, body: bytes) -> bytes:
    return bytes((kind, 0)) + len(body).to_bytes(2, "big") + body


def _unit(kind: int, body: bytes) -> bytes:
    return _HEADER.pack(kind, len(body)) + body


def encode_accept(request: AssociateRequest, decided: Iterable[tuple[int, int, str]]) -> bytes:
    """An A-ASSOCIATE-AC. ``decided``: context id, result (0 accepted, 4 transfer syntax unknown), transfer syntax."""
    contexts = b"".join(
        _item(0x21, bytes((number, 0, result, 0)) + _item(0x40, transfer.encode()))
        for number, result, transfer in decided
    )
    user = (
        _item(0x51, MAX_PDU_BYTES.to_bytes(4, "big"))
        + _item(0x52, IMPLEMENTATION_UID.encode())
        + _item(0x55, IMPLEMENTATION_NAME.encode())
    )
    # Protocol version 1, then the titles byte for byte as they came: table 9-17 asks for that.
    fixed = b"\0\1\0\0" + request.raw_titles + bytes(32)
    return _unit(ASSOCIATE_AC, fixed + _item(0x10, APPLICATION_CONTEXT.encode()) + contexts + _item(0x50, user))


def encode_reject(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ with result, source and reason (DICOM PS3.8 9.3.4)."""
    return _unit(ASSOCIATE_RJ, bytes((0, result, source, reason)))


def encode_abort(source: int = 2, reason: int = 0) -> bytes:
    """An A-ABORT; source 2 is the service provider, reason 6 an invalid parameter (PS3.8 table 9-26)."""
    return _unit(ABORT, bytes((0, 0, source, reason)))


def encode_release_response() -> bytes:
    """A-RELEASE-RP (DICOM PS3.8 9.3.7)."""
    return _unit(RELEASE_RP, bytes(4))


def parse_data_values(body: bytes) -> Iterator[tuple[int, bool, bool, bytes]]:
    """The presentation data values of a P-DATA-TF: context id, is command, is last, bytes."""
    at = 0
    while at < len(body):
        if at + 6 > len(body):
            raise MalformedPdu("a data value is cut short")
        length, number, control = _PDV.unpack_from(body, at)
        # The length counts the context id and the control byte too (PS3.8 table 9-23).
        if length < 2 or at + 4 + length > len(body):
            raise MalformedPdu("a data value is longer than its unit")
        # Bit 0: a command, else a dataset; bit 1: the last fragment of it (PS3.8 E.2).
        yield number, bool(control & 1), bool(control & 2), body[at + 6 : at + 4 + length]
        at += 4 + length


class MessageEncoder:
    """One command set, to be sent with many datasets: a worklist answer has as many as it has lines.

    ``longest`` is the longest unit that the peer takes (0: any length).
    """

    def __init__(self, context: int, command_set: bytes, longest: int) -> None:
        self._context = context
        # Six bytes go to the length, the id and the control byte. A peer that announces next to nothing gets 64 bytes
        # all the same: else an answer would be all headers.
        self._room = max((longest or MAX_PDU_BYTES) - 6, 64)
        self._command = b"".join(_values(context, command_set, 1, self._room))

    def message(self, dataset: bytes | None) -> bytes:
        """The whole message as P-DATA-TF units."""
        if dataset is None:
            return self._command
        size = len(dataset)
        if size <= self._room:
            return self._command + _DATA(P_DATA, size + 6, size + 2, self._context, 2) + dataset
        return self._command + b"".join(_values(self._context, dataset, 0, self._room))


def _values(context: int, data: bytes, is_command: int, room: int) -> Iterator[bytes]:
    for at in range(0, len(data), room):
        part = data[at : at + room]
        last = 2 if at + room >= len(data) else 0
        yield _DATA(P_DATA, len(part) + 6, len(part) + 2, context, is_command | last) + part
