"""One incoming connection: from the first byte to a worklist conversation, or to pynetdicom.

The first unit decides. An association that proposes only worklist and echo is held here, in a state
machine of four states; everything else is handed, bytes and all, to pynetdicom (see ``engine``).
ADR ``docs/adr/`` "worklist upper layer" says why. A silent peer costs a socket and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, cast

import structlog

from . import wire
from .callers import TOO_MANY, Caller, Refused
from .finding import Find
from .wire import Malformed

if TYPE_CHECKING:
    from .door import Door

log = structlog.get_logger(__name__)

HELLO_S = 30.0
"""How long a connection may be silent before its association request is whole (ARTIM, PS3.8 9.1.5)."""
IDLE_S = 600.0
"""How long an association may be idle. Some scanners keep one open all day; they reconnect."""
LINGER_S = 1.0
"""Who is told no and finds the line dead before it has read the no, may take it for a failure and call again."""
LONGEST_REQUEST = 65_536
LONGEST_COMMAND, LONGEST_IDENTIFIER = 4_096, 65_536
MOST_WAITING_MESSAGES = 16

SILENT, ADMITTING, OPEN, BRIDGED, CLOSED = "silent", "admitting", "open", "bridged", "closed"
_ANSWERED_HERE = frozenset([wire.VERIFICATION, wire.MODALITY_WORKLIST])
_TRANSFERS = (wire.IMPLICIT_LE, wire.EXPLICIT_LE)


class Line(asyncio.Protocol):
    """Runs on the door's event loop; only :meth:`send` and :meth:`finished` may be called from elsewhere."""

    def __init__(self, door: Door, *, encrypted: bool) -> None:
        self.door = door
        self.encrypted = encrypted
        self.state = SILENT
        self.heard = monotonic()
        self.address = ""
        self.caller: Caller | None = None
        self.request: wire.Request | None = None
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.contexts: dict[int, tuple[str, bool]] = {}
        self._buffer = bytearray()
        self._command = bytearray()
        self._dataset = bytearray()
        self._elements: dict[int, bytes] | None = None
        self._waiting: deque[tuple[int, dict[int, bytes], bytes]] = deque()
        self._find: Find | None = None
        self._releasing = False
        self._paused = False
        self.inside: asyncio.Transport | None = None

    # -- asyncio ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=65_536)
        self.address = (transport.get_extra_info("peername") or ("",))[0]
        self.door.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.state = CLOSED
        if self._find:
            self._find.cancel()
        if self.inside:
            self.inside.close()
        self.door.left(self)

    def data_received(self, data: bytes) -> None:
        self.heard = monotonic()
        if self.inside is not None:
            self.inside.write(data)
            return
        if self.state == CLOSED:
            return
        self._buffer += data
        if self.state == BRIDGED or self.state == ADMITTING:
            if len(self._buffer) > 4 * wire.LONGEST_PDU:
                self.transport.abort()
            return
        self._read_units()

    def pause_writing(self) -> None:
        self._paused = True
        if self.inside:
            self.inside.pause_reading()

    def resume_writing(self) -> None:
        self._paused = False
        if self._find:
            self._find.room.set()
        if self.inside:
            self.inside.resume_reading()

    # -- units -----------------------------------------------------------------------------------

    def _read_units(self) -> None:
        buffer = self._buffer
        try:
            while len(buffer) >= 6 and self.state in (SILENT, OPEN):
                kind, length = wire.header(buffer)
                longest = LONGEST_REQUEST if self.state == SILENT else wire.LONGEST_PDU + 6
                if not wire.ASSOCIATE_RQ <= kind <= wire.ABORT or length > longest:
                    raise Malformed("no such unit")
                if len(buffer) < 6 + length:
                    return
                body = bytes(memoryview(buffer)[6 : 6 + length])
                if self.state == SILENT:
                    self._on_request(kind, body)
                else:
                    del buffer[: 6 + length]
                    self._on_unit(kind, body)
        except Malformed as error:
            log.info("dicom.malformed", address=self.address, what=str(error))
            self.close(wire.abort(2, 6))

    def _on_request(self, kind: int, body: bytes) -> None:
        if kind != wire.ASSOCIATE_RQ:
            raise Malformed("an association begins with a request")
        self.request = wire.read_request(body)
        self.state = ADMITTING
        self.door.admit(self)

    def admitted(self, verdict: Caller | Refused) -> None:
        """The desk has looked the caller up."""
        if self.state != ADMITTING or self.request is None:
            return
        if isinstance(verdict, Caller) and self.door.full(self):
            verdict = TOO_MANY
        if isinstance(verdict, Refused):
            self.door.note_rejection(self, verdict)
            self.close(wire.reject(verdict.result, verdict.source, verdict.reason))
            return
        self.caller = verdict
        if not all(context.abstract in _ANSWERED_HERE for context in self.request.contexts):
            self.state = BRIDGED
            self.door.bridge(self)
            return
        _, length = wire.header(self._buffer)
        del self._buffer[: 6 + length]
        self.state = OPEN
        self.transport.write(wire.accept(self.request, list(self._negotiate(self.request))))
        self._read_units()

    def bridged(self, inside: asyncio.Transport) -> None:
        """pynetdicom listens on ``inside``; it gets all that was received, the request first."""
        if self.state == CLOSED:  # hung up in the meantime
            inside.close()
            return
        self.inside = inside
        inside.write(bytes(self._buffer))
        self._buffer.clear()

    def _negotiate(self, request: wire.Request) -> list[tuple[int, int, str]]:
        decided = []
        for context in request.contexts:
            transfer = next((uid for uid in context.transfers if uid in _TRANSFERS), None)
            if transfer:
                self.contexts[context.id] = (context.abstract, transfer == wire.IMPLICIT_LE)
            decided.append((context.id, 0 if transfer else 4, transfer or wire.IMPLICIT_LE))
        return decided

    def _on_unit(self, kind: int, body: bytes) -> None:
        if kind == wire.P_DATA:
            for context, is_command, last, data in wire.fragments(body):
                self._on_fragment(context, is_command, last, data)
        elif kind == wire.RELEASE_RQ:
            self._releasing = True
            self._go_on()
        elif kind == wire.ABORT:
            self.close(b"")
        else:
            self.close(wire.abort(2, 2))

    def _on_fragment(self, context: int, is_command: bool, last: bool, data: bytes) -> None:
        if context not in self.contexts or (is_command and self._elements is not None):
            raise Malformed("a data value belongs nowhere")
        into, longest = (self._command, LONGEST_COMMAND) if is_command else (self._dataset, LONGEST_IDENTIFIER)
        into += data
        if len(into) > longest:
            raise Malformed("a message is too long")
        if not last:
            return
        if is_command:
            self._elements = wire.command(bytes(self._command))
            self._command.clear()
            if wire.number(self._elements, 0x0800) != wire.NO_DATASET:
                return
        if self._elements is None:
            raise Malformed("a dataset without its command")
        elements, self._elements = self._elements, None
        dataset = bytes(self._dataset)
        self._dataset.clear()
        self._on_message(context, elements, dataset)

    # -- messages --------------------------------------------------------------------------------

    def _on_message(self, context: int, elements: dict[int, bytes], dataset: bytes) -> None:
        if wire.number(elements, 0x0100) == wire.C_CANCEL_RQ:
            message_id = wire.number(elements, 0x0120)
            if self._find and self._find.message_id == message_id:
                self._find.cancel()
            return
        if len(self._waiting) >= MOST_WAITING_MESSAGES:
            raise Malformed("too many messages at once")
        self._waiting.append((context, elements, dataset))
        self._go_on()

    def _go_on(self) -> None:
        """Answer the next message, unless one is being answered; release when that was asked and all is answered."""
        while self._find is None and self._waiting and self.state == OPEN:
            context, elements, dataset = self._waiting.popleft()
            kind, message_id = wire.number(elements, 0x0100), wire.number(elements, 0x0110)
            sop_class, implicit = self.contexts[context]
            if kind == wire.C_FIND_RQ and sop_class == wire.MODALITY_WORKLIST:
                assert self.caller is not None and self.request is not None
                longest = self.request.longest_pdu
                self._find = Find(
                    self, self.caller, context, message_id, dataset, implicit, longest, self.door.keeper.keep
                )
                self.door.desk.give(self._find.run)
                return
            status = 0x0000 if kind == wire.C_ECHO_RQ else 0x0211
            said = wire.response(kind, sop_class, message_id, status, dataset=False)
            self.transport.write(wire.message(context, said, None, 0))
        if self._find is None and self._releasing:
            self.close(wire.released())

    def send(self, data: bytes) -> None:
        """Write from another thread."""
        self.door.call(self._write, data)

    def finished(self, data: bytes) -> None:
        """Write the last of an answer, from another thread, and go on."""
        self.door.call(self._finish, data)

    def _write(self, data: bytes) -> None:
        if self.state == OPEN:
            self.transport.write(data)
        if self._find and not self._paused:
            self._find.room.set()

    def _finish(self, data: bytes) -> None:
        self._write(data)
        self._find = None
        self.heard = monotonic()
        self._go_on()

    @property
    def busy(self) -> bool:
        """An answer is being drawn."""
        return self._find is not None

    def hang_up(self) -> None:
        """End the association from our side."""
        self.close(wire.abort(0, 0) if self.state == OPEN else b"")

    def close(self, last_words: bytes) -> None:
        """Say this and hang up: after last words the peer is given a moment to go first (PS3.8 table 9-10, Sta13)."""
        self.state = CLOSED
        if self.transport.is_closing():
            return
        if not last_words:
            self.transport.close()
            return
        self.transport.write(last_words)
        self.door.loop.call_later(LINGER_S, self.transport.close)
