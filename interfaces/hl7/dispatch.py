"""Which message is taken by what. Adding a message type: one handler, one line here, one fixture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .acks import Fault
from .handlers_adt import merge, write_patient
from .handlers_orders import take_orders
from .header import Header
from .incoming import Incoming
from .reading import Message

Handler = Callable[[Incoming], str]
"""Applies a message. Returns why it was ignored; empty when it was applied."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that is taken: by what, which segments it must have, and a line for the conformance statement."""

    handler: Handler
    needs: tuple[str, ...]
    meaning: str


MESSAGES: dict[str, Entry] = {
    "ADT^A08": Entry(write_patient, ("PID",), "Patient information updated"),
    "ADT^A40": Entry(merge, ("PID", "MRG"), "Patients merged"),
    "ORM^O01": Entry(take_orders, ("PID",), "Orders"),
}
"""MSH-9 → entry."""

VERSIONS = frozenset(
    ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"]
)
PROCESSING_IDS = frozenset({"", "P", "T", "D"})
ORDER_SEGMENTS = frozenset({"ORC", "OBR"})


def entry_for(header: Header, message: Message) -> Entry | Fault:
    """Who takes the message; or why nobody does."""
    if not header.kind:
        return Fault("101", "MSH-9", "The message type is missing.")
    if header.version and header.version not in VERSIONS:
        return Fault("203", "MSH-12", "HL7 versions 2.1 to 2.8 are taken.")
    if header.processing_id not in PROCESSING_IDS:
        return Fault("202", "MSH-11", "The processing id is one of P, T, D.")
    entry = MESSAGES.get(header.type)
    if entry is None:
        known = any(key.startswith(f"{header.kind}^") for key in MESSAGES)
        if known:
            return Fault("201", "MSH-9.2", f"{header.kind} with event {header.event[:8] or '(none)'} is not taken.")
        return Fault("200", "MSH-9.1", f"Messages of type {header.kind[:8]} are not taken.")
    if not header.control_id:
        return Fault("101", "MSH-10", "The message control id is missing.")
    missing = next((name for name in entry.needs if message.first(name) is None), None)
    if missing:
        return Fault("100", missing, f"A {header.type} message needs {missing}.")
    return entry


def apply(entry: Entry, incoming: Incoming) -> str:
    """Apply the message. One labelled ADT that holds an order is taken as both, with a warning."""
    ignored = entry.handler(incoming)
    mislabelled = incoming.header.kind == "ADT" and entry.handler is not merge
    if mislabelled and any(segment.name in ORDER_SEGMENTS for segment in incoming.message.segments):
        incoming.warn(f"Labelled {incoming.header.type}, but it holds an order; taken as both.")
        ignored = take_orders(incoming) and ignored
    return ignored
