"""One incoming connection: from the first byte to a worklist conversation, or to pynetdicom.

The first unit decides. An association that proposes only worklist and echo is held here, in a state machine
of few states (see ``conversation``); everything else is handed, bytes and all, to pynetdicom (see ``engine``).
ADR ``docs/adr/`` "worklist upper layer" says why. A silent peer costs a socket and nothing else.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

import structlog

from . import pdu
from .admission import TOO_MANY, AssociateReject, Caller
from .message_exchange import ANSWERED, MessageExchange
from .output import Outlet
from .pdu import MalformedPdu

if TYPE_CHECKING:
    from .acceptor import Acceptor

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_S = 30.0
"""How long a connection may be silent before its association request is whole (ARTIM, PS3.8 9.1.5)."""
IDLE_TIMEOUT_S = 600.0
"""How long an association may be idle. Some scanners keep one open all day; they reconnect."""
LINGER_S = 1.0
"""Who is told no and finds the line dead before it has read the no, may take it for a failure and call again."""
MAX_REQUEST_BYTES = 65_536

SILENT, ADMITTING, OPEN, BRIDGED, CLOSED = "silent", "admitting", "open", "bridged", "closed"


class Association(asyncio.Protocol):
    """Runs on the door's event loop."""

    def __init__(self, door: Acceptor, *, encrypted: bool) -> None:
        self.door = door
        self.encrypted = encrypted
        self.state = SILENT
        self.heard = monotonic()
        self.address = ""
        self.caller: Caller | None = None
        self.request: pdu.AssociateRequest | None = None
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.outlet: Outlet = cast(Outlet, None)
        self.paused = False
        self.conversation: MessageExchange | None = None
        self.inside: asyncio.Transport | None = None
        self._buffer = bytearray()

    # -- asyncio ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=65_536)
        self.outlet = Outlet(self.transport, encrypted=self.encrypted)
        self.address = (transport.get_extra_info("peername") or ("",))[0]
        self.door.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if self.conversation:
            self.conversation.stop()
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
            if len(self._buffer) > 4 * pdu.MAX_PDU_BYTES:
                self.transport.abort()
            return
        self._read_units()

    def pause_writing(self) -> None:
        self.paused = True
        if self.inside:
            self.inside.pause_reading()

    def resume_writing(self) -> None:
        self.paused = False
        if self.conversation:
            self.conversation.make_room()
        if self.inside:
            self.inside.resume_reading()

    # -- units -----------------------------------------------------------------------------------

    def _read_units(self) -> None:
        buffer = self._buffer
        try:
            while len(buffer) >= 6 and self.state in (SILENT, OPEN):
                kind, length = pdu.parse_header(buffer)
                longest = MAX_REQUEST_BYTES if self.state == SILENT else pdu.MAX_PDU_BYTES + 6
                if not pdu.ASSOCIATE_RQ <= kind <= pdu.ABORT or length > longest:
                    raise MalformedPdu("no such unit")
                if len(buffer) < 6 + length:
                    return
                body = bytes(memoryview(buffer)[6 : 6 + length])
                if self.state == SILENT:
                    self._on_request(kind, body)
                else:
                    del buffer[: 6 + length]
                    self._on_unit(kind, body)
        except MalformedPdu as error:
            log.info("dicom.malformed", address=self.address, what=str(error))
            self.close(pdu.encode_abort(2, 6))

    def _on_request(self, kind: int, body: bytes) -> None:
        if kind != pdu.ASSOCIATE_RQ:
            raise MalformedPdu("an association begins with a request")
        self.request = pdu.parse_associate_request(body)
        self.state = ADMITTING
        self.door.admit(self)

    def admitted(self, verdict: Caller | AssociateReject) -> None:
        """The desk has looked the caller up."""
        if self.state != ADMITTING or self.request is None:
            return
        if isinstance(verdict, Caller) and not self.door.seat(self):
            verdict = TOO_MANY
        if isinstance(verdict, AssociateReject):
            self.door.note_rejection(self, verdict)
            self.close(pdu.encode_reject(verdict.result, verdict.source, verdict.reason))
            return
        self.caller = verdict
        if not all(context.abstract in ANSWERED for context in self.request.contexts):
            self.state = BRIDGED
            self.door.bridge(self)
            return
        _, length = pdu.parse_header(self._buffer)
        del self._buffer[: 6 + length]
        self.state = OPEN
        self.conversation = MessageExchange(self, verdict, self.request)
        self.transport.write(self.conversation.accept())
        self._read_units()

    def bridged(self, inside: asyncio.Transport) -> None:
        """pynetdicom listens on ``inside``; it gets all that was received, the request first."""
        if self.state == CLOSED:  # hung up in the meantime
            inside.close()
            return
        self.inside = inside
        inside.write(bytes(self._buffer))
        self._buffer.clear()

    def _on_unit(self, kind: int, body: bytes) -> None:
        assert self.conversation is not None
        if kind == pdu.P_DATA:
            self.conversation.hear(body)
        elif kind == pdu.RELEASE_RQ:
            self.conversation.release()
        elif kind == pdu.ABORT:
            self.close(b"")
        else:
            self.close(pdu.encode_abort(2, 2))

    @property
    def open(self) -> bool:
        """A conversation is going on."""
        return self.state == OPEN

    @property
    def busy(self) -> bool:
        """An answer is being drawn."""
        return self.conversation is not None and self.conversation.busy

    def hang_up(self) -> None:
        """End the association from our side."""
        self.close(pdu.encode_abort(0, 0) if self.state == OPEN else b"")

    def close(self, last_words: bytes) -> None:
        """Say this and hang up: after last words the peer is given a moment to go first (PS3.8 table 9-10, Sta13)."""
        self._end()
        if self.transport.is_closing():
            return
        if not last_words:
            self.transport.close()
            return
        self.transport.write(last_words)
        self.door.loop.call_later(LINGER_S, self.transport.close)

    def _end(self) -> None:
        self.state = CLOSED
        self.outlet.close()
        self.door.unseat(self)
