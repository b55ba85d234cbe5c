"""MSH: who sends what to whom (HL7 v2.5.1 chapter 2.15.9). Recovered even from a message that cannot be parsed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .parser import DEFAULT_DELIMITERS, Message

EVENTS_OF_BARE_TYPES = {"ORM": "O01", "ORU": "R01", "OMG": "O19", "OMI": "O23", "ACK": ""}
"""MSH-9.1 → MSH-9.2 that it implies when MSH-9.2 and EVN-1 are empty."""

ACK_CONDITIONS = frozenset({"AL", "NE", "ER", "SU"})
"""HL7 table 0155: always, never, error only, success only."""


@dataclass(frozen=True, slots=True)
class Header:
    """The values of MSH that decide how a message is processed, escapes resolved. ``time`` is MSH-7 as it came."""

    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    time: str = ""
    kind: str = ""
    """MSH-9.1, upper case, such as ``ORM``."""
    event: str = ""
    """MSH-9.2, upper case, such as ``O01``."""
    control_id: str = ""
    processing_id: str = ""
    version: str = ""
    accept_ack: str = ""
    """MSH-15: AL, NE, ER, SU or empty (original mode)."""
    application_ack: str = ""
    charset: str = ""
    """MSH-18, first repeat, as it came."""

    @property
    def type(self) -> str:
        """MSH-9.1 and .2, such as ``ORM^O01``."""
        return f"{self.kind}^{self.event}" if self.event else self.kind

    @property
    def sender(self) -> tuple[str, str]:
        """MSH-3 and MSH-4."""
        return self.sending_application, self.sending_facility

    @property
    def enhanced(self) -> bool:
        """Whether MSH-15 or MSH-16 asks for the enhanced acknowledgment mode (HL7 2.9.3)."""
        return bool({self.accept_ack, self.application_ack} & ACK_CONDITIONS)


def parse_header(message: Message) -> Header:
    """Return the header of a parsed message. The event may stand in EVN-1 (before 2.2) or be implied by the type."""
    msh = message.header
    values = msh.values(*_FIELDS)
    if not any(values[:2]):
        values[:2] = [msh.text(3, 2), msh.text(4, 2)]
    kind, event = (part.upper() for part in msh.components(9, 2))
    if kind and not event and "_" in kind:  # some senders write the message structure, ORM_O01, as MSH-9.1
        kind, _, event = kind.partition("_")
    if not event:
        event = message.get("EVN", 1).upper() or EVENTS_OF_BARE_TYPES.get(kind, "")
    header = _header(values, kind, event)
    return replace(header, processing_id=header.processing_id.upper())


# The attributes of Header in their order, without MSH-9, whose two components stand after MSH-7.
_FIELDS = (3, 4, 5, 6, 7, 10, 11, 12, 15, 16, 18)


def _header(values: list[str], kind: str, event: str) -> Header:
    *names, accept_ack, application_ack, charset = values
    acknowledgments = accept_ack.upper(), application_ack.upper()
    return Header(*[*names[:5], kind, event, *names[5:], *acknowledgments, charset])


# Within which MSH is looked for: a message that is too long or garbled must not cost a scan of all of it.
_HEAD_BYTES = 8192
_MSH = re.compile(rb"MSH([^\w\s][^\r\n]*)")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def recover_header(raw: bytes) -> Header:
    """Return what can be read of the header of any bytes, without decoding them; never raises.

    Values that are not printable ASCII lose those characters, and each is cut to 199 characters.
    """
    match = _MSH.search(raw, 0, _HEAD_BYTES)
    if not match:
        return Header()
    line = match.group(1).decode("latin-1")
    separator = line[0]
    fields = ["MSH", *line.split(separator)]
    fields[1] = separator
    component = fields[2][:1] or DEFAULT_DELIMITERS[1]

    def text(field: int, part: int = 1) -> str:
        whole = fields[field] if field < len(fields) else ""
        if not whole:
            return ""
        parts = whole.split(component)
        value = parts[part - 1].strip() if part <= len(parts) else ""
        return (value if value.isascii() and value.isprintable() else _UNPRINTABLE.sub("", value))[:199]

    values = [text(field) for field in _FIELDS]
    if not any(values[:2]):
        values[:2] = [text(3, 2), text(4, 2)]
    return _header(values, text(9).upper(), text(9, 2).upper())
