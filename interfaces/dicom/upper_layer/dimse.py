"""DIMSE command sets (PS3.7 annex E), as bytes: those of a query and an echo. Always Implicit VR Little Endian."""

from __future__ import annotations

from struct import Struct

from .pdu import MalformedPdu

C_FIND_RQ, C_ECHO_RQ, C_CANCEL_RQ = 0x0020, 0x0030, 0x0FFF
RESPONSE = 0x8000
NO_DATASET = 0x0101

_ELEMENT = Struct("<HHL")
_US = Struct("<H").pack
_UL = Struct("<L").pack


def parse_command(raw: bytes) -> dict[int, bytes]:
    """The elements of a command set, by tag. Raises Malformed."""
    found, at = {}, 0
    while at < len(raw):
        if at + 8 > len(raw):
            raise MalformedPdu("the command is cut short")
        group, element, length = _ELEMENT.unpack_from(raw, at)
        if group != 0 or at + 8 + length > len(raw):
            raise MalformedPdu("the command is no command")
        found[element] = raw[at + 8 : at + 8 + length]
        at += 8 + length
    return found


def read_us(elements: dict[int, bytes], tag: int) -> int:
    """A US element of a command. Raises Malformed when it is not there."""
    raw = elements.get(tag, b"")
    if len(raw) != 2:
        raise MalformedPdu("the command lacks a number")
    return int.from_bytes(raw, "little")


def encode_response(
    kind: int, sop_class: str, message_id: int, status: int, *, dataset: bool, comment: str = ""
) -> bytes:
    """A response's command set: PS3.7 tables 9.3-3 and 9.3-13."""
    uid = sop_class.encode()
    uid += b"\0" * (len(uid) & 1)
    said = comment.encode("ascii", "replace")[:64]
    said += b" " * (len(said) & 1)
    body = (
        _ELEMENT.pack(0, 0x0002, len(uid))
        + uid
        + _ELEMENT.pack(0, 0x0100, 2)
        + _US(kind | RESPONSE)
        + _ELEMENT.pack(0, 0x0120, 2)
        + _US(message_id)
        + _ELEMENT.pack(0, 0x0800, 2)
        + _US(0x0001 if dataset else NO_DATASET)
        + _ELEMENT.pack(0, 0x0900, 2)
        + _US(status)
        + (_ELEMENT.pack(0, 0x0902, len(said)) + said if said else b"")
    )
    return _ELEMENT.pack(0, 0, 4) + _UL(len(body)) + body
