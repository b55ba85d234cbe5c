"""DIMSE command sets (PS3.7 annex E), as bytes. Always Implicit VR Little Endian."""

from __future__ import annotations

from struct import Struct

from .pdu import MalformedPdu

C_FIND_RQ, C_ECHO_RQ, C_CANCEL_RQ = 0x0020, 0x0030, 0x0FFF
N_GET_RQ, N_SET_RQ, N_CREATE_RQ = 0x0110, 0x0120, 0x0140
RESPONSE = 0x8000
"""This bit makes a request's Command Field that of its response (PS3.7 E.1-1)."""
NO_DATASET = 0x0101

FIELD, MESSAGE_ID, RESPONDED_TO, DATASET_TYPE = 0x0100, 0x0110, 0x0120, 0x0800
AFFECTED_INSTANCE, REQUESTED_INSTANCE, ATTRIBUTE_IDENTIFIERS = 0x1000, 0x1001, 0x1005
"""Elements of group 0000."""

SUCCESS, PROCESSING_FAILURE, UNRECOGNIZED_OPERATION = 0x0000, 0x0110, 0x0211
"""Statuses (PS3.7 annex C)."""

MAX_COMMENT_CHARACTERS = 64
"""Error Comment is an LO."""

_ELEMENT = Struct("<HHL")
_US = Struct("<H").pack
_UL = Struct("<L").pack


def parse_command(raw: bytes) -> dict[int, bytes]:
    """The elements of a command set, by element number of group 0000. Raises MalformedPdu."""
    elements, at = {}, 0
    while at < len(raw):
        if at + 8 > len(raw):
            raise MalformedPdu("the command is cut short")
        group, element, length = _ELEMENT.unpack_from(raw, at)
        # A command set has elements of group 0000 alone (PS3.7 6.3.1); anything else is a dataset in the wrong place.
        if group != 0 or at + 8 + length > len(raw):
            raise MalformedPdu("the command is no command")
        elements[element] = raw[at + 8 : at + 8 + length]
        at += 8 + length
    return elements


def read_us(elements: dict[int, bytes], element: int) -> int:
    """A US element of a command. Raises MalformedPdu when it is not there."""
    raw = elements.get(element, b"")
    if len(raw) != 2:
        raise MalformedPdu("the command lacks a number")
    return int.from_bytes(raw, "little")


def read_uid(elements: dict[int, bytes], element: int) -> str:
    """A UI element of a command, without padding; empty when it is not there."""
    return elements.get(element, b"").decode("ascii", "replace").strip("\0 ")


def read_tags(elements: dict[int, bytes], element: int) -> tuple[int, ...]:
    """The tags of an AT element, each ``group << 16 | element``; none when it is not there."""
    raw = elements.get(element, b"")
    # Three bytes less than the length: a tail that is no whole tag is not read.
    pairs = (Struct("<HH").unpack_from(raw, at) for at in range(0, len(raw) - 3, 4))
    return tuple(group << 16 | number for group, number in pairs)


def encode_response(
    kind: int,
    sop_class: str,
    message_id: int,
    status: int,
    *,
    dataset: bool,
    comment: str = "",
    error_id: int | None = None,
    instance_uid: str = "",
) -> bytes:
    """A response's command set (PS3.7 tables 9.3-3, 9.3-13, 10.3-4, 10.3-6, 10.3-10), elements in ascending order."""
    body = (
        _encode_uid(0x0002, sop_class)
        + _encode_us(FIELD, kind | RESPONSE)
        + _encode_us(RESPONDED_TO, message_id)
        + _encode_us(DATASET_TYPE, 0x0001 if dataset else NO_DATASET)
        + _encode_us(0x0900, status)
    )
    if comment:
        # A command set names no character set, so the comment is ASCII.
        text = comment.encode("ascii", "replace")[:MAX_COMMENT_CHARACTERS]
        text += b" " * (len(text) & 1)
        body += _ELEMENT.pack(0, 0x0902, len(text)) + text
    if error_id is not None:
        body += _encode_us(0x0903, error_id)
    if instance_uid:
        body += _encode_uid(AFFECTED_INSTANCE, instance_uid)
    # The group length (0000,0000) counts what follows it.
    return _ELEMENT.pack(0, 0, 4) + _UL(len(body)) + body


def _encode_us(element: int, value: int) -> bytes:
    return _ELEMENT.pack(0, element, 2) + _US(value)


def _encode_uid(element: int, uid: str) -> bytes:
    raw = uid.encode("ascii", "replace")
    # Lengths are even; a UID is padded with NUL, a text with a blank (PS3.5 6.2).
    raw += b"\0" * (len(raw) & 1)
    return _ELEMENT.pack(0, element, len(raw)) + raw
