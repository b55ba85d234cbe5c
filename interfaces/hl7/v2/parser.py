"""The parser: segments, fields, repeats, components of a message (HL7 v2.5.1 chapter 2.6).

Lenient and lossless: a field keeps its text as it came until it is asked for. Why no library:
docs/adr/0004-hl7-reading.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ris.kernel.errors import Invalid

from .encoding import Decoded, Escapes, decode

DEFAULT_DELIMITERS = "|^~\\&"
MOST_SEGMENTS = 20_000
"""More are refused: beyond that a message costs more time and memory than any order or report needs."""

# Header and trailer segments of a batch or file (HL7 2.10.3), in which some senders wrap a single message.
_BATCH_HEADERS = re.compile(rb"\s*(?:[FB]HS[^\w\s][^\r\n]*[\r\n]\s*)+(?=MSH)")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_BARE = frozenset(
    {
        "PID", "PV1", "PV2", "ORC", "OBR", "OBX", "NTE", "EVN", "MRG", "AL1", "DG1", "GT1", "IN1", "ZDS", "IPC", "TQ1",
        "SCH", "RGS", "AIS", "AIL", "AIP", "PD1", "NK1",
    }
)  # fmt: skip
"""Segments that some senders send without any field, so without a separator after the name."""


class Unreadable(Invalid):
    """The bytes are not an HL7 message that begins with a usable MSH."""

    code = "unreadable"


class Segment:
    """One segment. Fields are numbered as in the standard, from 1; for MSH the separator itself is field 1."""

    __slots__ = ("_delimiters", "_escapes", "fields", "index", "name")

    def __init__(self, name: str, fields: list[str], index: int, delimiters: str, escapes: Escapes) -> None:
        self.name = name
        self.fields = fields
        self.index = index
        """Which segment of this name it is in the message, from 1."""
        self._delimiters = delimiters
        self._escapes = escapes

    def raw(self, field: int) -> str:
        """Return the field as it came; empty when it is absent or HL7's ``""`` (delete)."""
        value = self.fields[field] if field < len(self.fields) else ""
        return "" if value == '""' else value

    def has(self, field: int) -> bool:
        """Whether the field has a value; ``""`` (delete, HL7 2.5.3) counts as one."""
        return field < len(self.fields) and self.fields[field] != ""

    def given(self) -> set[int]:
        """Return the numbers of the fields that have a value; ``""`` (delete, HL7 2.5.3) counts as one."""
        return {field for field, value in enumerate(self.fields) if value}

    def text(self, field: int, component: int = 1, sub: int = 1) -> str:
        """Return one sub-component of the field's first repeat, escapes resolved, outer blanks stripped."""
        return self._part(self._first(field), component, sub)

    def values(self, *fields: int) -> list[str]:
        """Return the first component of the first repeat of each of these fields."""
        return [self._part(self._first(field), 1, 1) for field in fields]

    def components(self, field: int, most: int, *, start: int = 1) -> list[str]:
        """Return so many components of the first repeat from ``start`` on; empty where they are missing."""
        first = self._first(field)
        return [self._part(first, component, 1) for component in range(start, start + most)]

    def repeats(self, field: int) -> list[Repeat]:
        """Return the field's repeats that are not empty."""
        value = self.raw(field)
        return [Repeat(self, part) for part in value.split(self._delimiters[2]) if part] if value else []

    def whole(self, field: int) -> str:
        """Return the field as text for a person: a line for each repeat, blanks between components."""
        return "\n".join(repeat.whole() for repeat in self.repeats(field))

    def place(self, field: int) -> str:
        """Return where the field is, such as ``OBR-18``, or ``OBR[2]-18`` in the second OBR."""
        return f"{self.name}{f'[{self.index}]' if self.index > 1 else ''}-{field}"

    def _first(self, field: int) -> str:
        return self.raw(field).split(self._delimiters[2], 1)[0]

    def _part(self, repeat: str, component: int, sub: int) -> str:
        parts = repeat.split(self._delimiters[1])
        if component > len(parts):
            return ""
        subs = parts[component - 1].split(self._delimiters[4]) if self._delimiters[4] else [parts[component - 1]]
        value = subs[sub - 1] if sub <= len(subs) else ""
        if not value or value == '""':
            return ""
        return self._resolve(value)

    def _resolve(self, text: str) -> str:
        # Most texts hold neither an escape nor a control character; this runs for every component that is read.
        if self._escapes.sign not in text and text.isprintable():
            return text.strip()
        return self._escapes.resolve(text).strip()


class Repeat:
    """One repeat of a field."""

    __slots__ = ("_segment", "_text")

    def __init__(self, segment: Segment, text: str) -> None:
        self._segment = segment
        self._text = text

    def text(self, component: int = 1, sub: int = 1) -> str:
        """Return one sub-component, escapes resolved, outer blanks stripped."""
        return self._segment._part(self._text, component, sub)

    def components(self, most: int, *, start: int = 1) -> list[str]:
        """Return so many components from ``start`` on; empty where they are missing."""
        return [self._segment._part(self._text, component, 1) for component in range(start, start + most)]

    def subs(self, component: int, most: int) -> list[str]:
        """Return so many sub-components of a component; empty where they are missing."""
        return [self._segment._part(self._text, component, sub) for sub in range(1, most + 1)]

    def whole(self) -> str:
        """Return all components, with blanks between."""
        parts = self._text.split(self._segment._delimiters[1])
        return " ".join(filter(None, map(self._segment._resolve, parts)))


class Message:
    """A parsed message. ``codec`` is the Python codec of its text; ``warnings`` are sentences for a person."""

    def __init__(self, segments: list[Segment], decoded: Decoded) -> None:
        self.segments = segments
        self.codec = decoded.codec
        self.warnings = list(decoded.warnings)

    @property
    def header(self) -> Segment:
        """The MSH segment."""
        return self.segments[0]

    def first(self, name: str) -> Segment | None:
        """Return the first segment of that name; None when there is none."""
        return next((s for s in self.segments if s.name == name), None)

    def all(self, name: str) -> list[Segment]:
        """Return all segments of that name, in order."""
        return [s for s in self.segments if s.name == name]

    def get(self, name: str, field: int, component: int = 1) -> str:
        """Return a component of the first segment of that name; empty when there is none."""
        segment = self.first(name)
        return segment.text(field, component) if segment else ""


def parse_message(raw: bytes, *, charset: str = "") -> Message:
    """Parse ``raw``. Segments may end in CR, LF or both; blank ones are skipped.

    A batch or file (FHS, BHS) of one message is read as that message; of several it is refused.
    A line that does not begin like a segment continues the one before it (base64 with raw CR).
    ``charset`` (of the peer) replaces MSH-18. Raises :class:`Unreadable`; Invalid at MSH-18 (see ``encoding.decode``).
    """
    if headers := _BATCH_HEADERS.match(raw):
        raw = _without_trailers(raw[headers.end() :])
    # A byte-order mark, blanks and (in UTF-16) NUL bytes may stand before MSH.
    if b"MSH" not in raw[:64].replace(b"\0", b""):
        raise Unreadable("A message begins with MSH.", at="MSH")
    decoded = decode(raw, charset)
    text = decoded.text.lstrip("\ufeff \t\r\n\0")
    if not text.startswith("MSH") or len(text) < 5:
        raise Unreadable("A message begins with MSH.", at="MSH")
    delimiters = _delimiters(text)
    lines = list(_lines(text, delimiters[0]))
    if len(lines) > MOST_SEGMENTS:
        raise Unreadable(f"A message may have at most {MOST_SEGMENTS:,} segments.", at="MSH")
    escapes = Escapes(delimiters, decoded.codec)
    counts: dict[str, int] = {}
    segments = []
    for line in lines:
        name, *rest = line.split(delimiters[0])
        counts[name] = counts.get(name, 0) + 1
        fields = [name, delimiters[0], *rest] if name == "MSH" else [name, *rest]
        segments.append(Segment(name, fields, counts[name], delimiters, escapes))
    message = Message(segments, decoded)
    # One frame gets one answer.
    if counts["MSH"] > 1:
        raise Unreadable("Several messages came in one frame; send each in a frame of its own.", at="MSH[2]")
    if text[3:8] != DEFAULT_DELIMITERS:
        message.warnings.append("MSH-2 is unusual.")
    if "\0" in text:
        message.warnings.append("The message held NUL characters; they were dropped.")
    return message


def _without_trailers(raw: bytes) -> bytes:
    lines = re.split(rb"[\r\n]+", raw.rstrip())
    while lines and lines[-1][:3] in (b"BTS", b"FTS"):
        lines.pop()
    return b"\r".join(lines)


def _delimiters(text: str) -> str:
    """Return field, component, repetition, escape and sub-component separators; the default where MSH-2 is short."""
    field = text[3]
    if field.isalnum() or field.isspace():
        raise Unreadable("MSH-1 must be a separator.", at="MSH-1")
    rest = re.split(r"[\r\n]", text[4:], maxsplit=1)[0].split(field, 1)[0][:4]
    usual = DEFAULT_DELIMITERS[1:]
    separators = rest + usual[len(rest) :]
    if len(set(field + separators)) < 5 or any(sign.isalnum() for sign in separators):
        raise Unreadable("MSH-2 must hold four different separators.", at="MSH-2")
    return field + separators


def _lines(text: str, field: str) -> Iterator[str]:
    """Yield the segments as lines; continuations are joined to their segment by CR."""
    current: list[str] = []
    for line in re.split(r"\r\n|\r|\n", text):
        stripped = line.lstrip(" \t\ufeff")
        begins = _SEGMENT.match(stripped) and (stripped[3:4] == field or stripped.strip() in _BARE)
        if begins:
            if current:
                yield "\r".join(current)
            current = [stripped]
        elif line.strip() and current:
            current.append(line)
    if current:
        yield "\r".join(current)
