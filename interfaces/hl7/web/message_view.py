"""A message for a person: its text as it came, and its fields by the names that the standard gives them."""

from __future__ import annotations

from dataclasses import dataclass

from ..v2.header import recover_header
from ..v2.parser import parse_message
from ..v2.validation import field_names


@dataclass(frozen=True, slots=True)
class ParsedField:
    """A field for a person: ``OBR-18``, its name in the standard, its text."""

    place: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ParsedSegment:
    """A segment for display: its name and its fields."""

    name: str
    fields: tuple[ParsedField, ...]


def parse_for_display(raw: bytes, charset: str = "") -> list[ParsedSegment]:
    """A message segment by segment with field names; empty when it cannot be read."""
    try:
        message = parse_message(raw, charset=charset)
    except Exception:  # unreadable: the raw text beside it says all there is
        return []
    version = recover_header(raw).version
    segments = []
    for segment in message.segments:
        names = field_names(segment.name, version)
        fields = [
            ParsedField(
                segment.place(n), names.get(n, ""), segment.whole(n) if n > 2 or segment.name != "MSH" else value
            )
            for n, value in enumerate(segment.fields)
            if n and value
        ]
        segments.append(ParsedSegment(segment.name, tuple(fields)))
    return segments


def decode_for_display(raw: bytes, charset: str = "") -> str:
    """The bytes as text to look at and to edit: one segment a line; what does not decode is shown as ``\\xNN``."""
    try:
        codec = parse_message(raw, charset=charset).codec
    except Exception:
        codec = "utf-8"
    return raw.decode(codec, "backslashreplace").replace("\r\n", "\n").replace("\r", "\n")
