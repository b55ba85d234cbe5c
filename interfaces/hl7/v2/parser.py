"""Reading a message: segments, fields, repeats, components. Lenient, fast, and loses nothing.

Why not a library: docs/adr/0004-hl7-reading.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ris.kernel.errors import Invalid

from .charset import Decoded, decode
from .escapes import Escapes

DEFAULT_DELIMITERS = "|^~\\&"
MOST_SEGMENTS = 20_000

_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_BARE = frozenset(
    [
        "PID",
        "PV1",
        "PV2",
        "ORC",
        "OBR",
        "OBX",
        "NTE",
        "EVN",
        "MRG",
        "AL1",
        "DG1",
        "GT1",
        "IN1",
        "ZDS",
        "IPC",
        "TQ1",
        "SCH",
        "RGS",
        "AIS",
        "AIL",
        "AIP",
        "PD1",
        "NK1",
    ]
)


class Unreadable(Invalid):
    """Not an HL7 message, or none that begins with a usable MSH."""

    code = "unreadable"


class Segment:
    """One segment. Fields are numbered as in the standard; for MSH the separator itself is field 1."""

    __slots__ = ("_delimiters", "_escapes", "fields", "index", "name")

    def __init__(self, name: str, fields: list[str], index: int, delimiters: str, escapes: Escapes) -> None:
        self.name = name
        self.fields = fields
        self.index = index
        """Which segment of this name it is in the message, from 1."""
        self._delimiters = delimiters
        self._escapes = escapes

    def raw(self, field: int) -> str:
        """The field as it came; empty when it is not there. HL7's ``""`` (delete) is empty too."""
        value = self.fields[field] if field < len(self.fields) else ""
        return "" if value == '""' else value

    def has(self, field: int) -> bool:
        """Whether the field was said at all; ``""`` counts as said."""
        return field < len(self.fields) and self.fields[field] != ""

    def text(self, field: int, component: int = 1, sub: int = 1) -> str:
        """One sub-component of the field's first repeat, without escapes and outer blanks."""
        return self._part(self.raw(field).split(self._delimiters[2], 1)[0], component, sub)

    def repeats(self, field: int) -> list[Repeat]:
        """The field's repeats that hold something."""
        value = self.raw(field)
        return [Repeat(self, part) for part in value.split(self._delimiters[2]) if part] if value else []

    def whole(self, field: int) -> str:
        """The field as text for a person: repeats on lines, components by blanks."""
        return "\n".join(repeat.whole() for repeat in self.repeats(field))

    def place(self, field: int) -> str:
        """Such as ``OBR-18``, or ``OBR[2]-18`` for the second."""
        return f"{self.name}{f'[{self.index}]' if self.index > 1 else ''}-{field}"

    def _part(self, repeat: str, component: int, sub: int) -> str:
        parts = repeat.split(self._delimiters[1])
        if component > len(parts):
            return ""
        subs = parts[component - 1].split(self._delimiters[4]) if self._delimiters[4] else [parts[component - 1]]
        value = subs[sub - 1] if sub <= len(subs) else ""
        return "" if value == '""' else self._escapes.read(value).strip()


class Repeat:
    """One repeat of a field."""

    __slots__ = ("_segment", "_text")

    def __init__(self, segment: Segment, text: str) -> None:
        self._segment = segment
        self._text = text

    def text(self, component: int = 1, sub: int = 1) -> str:
        """A subcomponent, unescaped; empty when absent. Counted from 1."""
        return self._segment._part(self._text, component, sub)

    def whole(self) -> str:
        """All components, by blanks."""
        parts = self._text.split(self._segment._delimiters[1])
        return " ".join(filter(None, (self._segment._escapes.read(part).strip() for part in parts)))


class Message:
    """A message that was read. ``warnings`` tell what was odd about it."""

    def __init__(self, segments: list[Segment], decoded: Decoded) -> None:
        self.segments = segments
        self.codec = decoded.codec
        self.warnings = list(decoded.warnings)

    @property
    def header(self) -> Segment:
        """The MSH segment."""
        return self.segments[0]

    def first(self, name: str) -> Segment | None:
        """The first segment of a name, or None."""
        return next((s for s in self.segments if s.name == name), None)

    def all(self, name: str) -> list[Segment]:
        """All segments of a name, in order."""
        return [s for s in self.segments if s.name == name]

    def get(self, name: str, field: int, component: int = 1) -> str:
        """A value of the first segment of that name; empty when there is none."""
        segment = self.first(name)
        return segment.text(field, component) if segment else ""


def read(raw: bytes, *, charset: str = "") -> Message:
    """Read ``raw``. Segments may end in CR, LF or both; blank ones are skipped.

    A line that does not begin like a segment continues the one before it (base64 with raw CR).
    Raises :class:`Unreadable`, or Invalid at MSH-18 (see :func:`charset.decode`).
    """
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
    if counts["MSH"] > 1:
        raise Unreadable("Two messages came in one frame.", at="MSH[2]")
    if text[3:8] != DEFAULT_DELIMITERS:
        message.warnings.append("MSH-2 is unusual.")
    if "\0" in text:
        message.warnings.append("It held NUL characters; they were dropped.")
    return message


def _delimiters(text: str) -> str:
    """Field, component, repetition, escape and sub-component separators; the usual ones where MSH-2 is short."""
    field = text[3]
    if field.isalnum() or field.isspace():
        raise Unreadable("MSH-1 must be a separator.", at="MSH-1")
    rest = re.split(r"[\r\n]", text[4:], maxsplit=1)[0].split(field, 1)[0][:4]
    usual = DEFAULT_DELIMITERS[1:]
    found = rest + "".join(sign for sign in usual[len(rest) :])
    if len(set(field + found)) < 5 or any(sign.isalnum() for sign in found):
        raise Unreadable("MSH-2 must hold four different separators.", at="MSH-2")
    return field + found


def _lines(text: str, field: str) -> Iterator[str]:
    """The segments as lines; continuations are joined to their segment by CR."""
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
