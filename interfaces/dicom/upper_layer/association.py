"""One incoming association: PDUs in and out (PS3.8 section 9.2; the state table is in the package's docstring)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from ipaddress import ip_address
from threading import Lock
from time import monotonic
from typing import cast

import structlog

from . import pdu
from .admission import TOO_MANY, AssociateReject, Caller
from .message_exchange import MessageExchange
from .pdu import MalformedPdu
from .proxy_protocol import is_proxy, parse_proxy_header
from .service_provider import AssociationOwner, LimitExceeded

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_S = 30.0
"""How long a connection may be silent before its association request is whole (ARTIM, PS3.8 9.1.5)."""
IDLE_TIMEOUT_S = 600.0
"""How long an association may be idle. Some scanners keep one open all day; they reconnect."""
LINGER_S = 1.0
"""A peer that finds the connection closed before it has read the refusal may take it for a failure and call again."""
MAX_REQUEST_BYTES = 65_536
"""Of an A-ASSOCIATE-RQ: 128 presentation contexts with ten transfer syntaxes each take less."""
MAX_EARLY_BYTES = 4 * pdu.MAX_PDU_BYTES
"""What a peer may send before its association is accepted."""
WRITE_BUFFER_BYTES = 65_536
"""Beyond so many unread bytes an association waits for its peer."""

AWAIT_REQUEST, ADMITTING, ESTABLISHED, CLOSED = "await request", "admitting", "established", "closed"


class Association(asyncio.Protocol):
    """Runs on the event loop of its owner; only ``write_now`` and ``call_on_loop`` are for other threads."""

    def __init__(self, owner: AssociationOwner[Association], *, encrypted: bool) -> None:
        self.owner = owner
        self.encrypted = encrypted
        self.state = AWAIT_REQUEST
        self.last_activity = monotonic()
        self.address = ""
        self.caller: Caller | None = None
        self.request: pdu.AssociateRequest | None = None
        self.exchange: MessageExchange | None = None
        self.paused = False
        self.held_bytes = 0
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._buffer = bytearray()
        self._file = -1  # of the socket, while another thread may write straight into it
        self._file_lock = Lock()
        self._awaits_header = False

    # -- asyncio ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        sock = None if self.encrypted else transport.get_extra_info("socket")
        self._file = -1 if sock is None else sock.fileno()
        self.address = _plain_address((transport.get_extra_info("peername") or ("",))[0])
        self._awaits_header = bool(self.owner.proxies) and is_proxy(self.address, self.owner.proxies)
        self.owner.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self.owner.remove(self)

    def data_received(self, data: bytes) -> None:
        self.note_activity()
        if self.state == CLOSED:
            return
        self._buffer += data
        if self._awaits_header and not self._read_proxy_header():
            return
        if self.state == ADMITTING:
            if len(self._buffer) > MAX_EARLY_BYTES:
                self.transport.abort()
            return
        self._read_units()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.exchange:
            self.exchange.resume()

    def _read_proxy_header(self) -> bool:
        """Take the caller's address from the proxy; False while the header is not whole, or there is none."""
        try:
            header = parse_proxy_header(bytes(self._buffer))
        except ValueError as error:
            log.warning("dicom.proxy-header", address=self.address, error=str(error))
            self.transport.abort()
            return False
        if header is None:
            return False
        del self._buffer[: header.length]
        self._awaits_header = False
        self.address = _plain_address(header.address) or self.address
        self.encrypted = True  # by the proxy: it is named for that
        return True

    # -- PDUs ------------------------------------------------------------------------------------

    def _read_units(self) -> None:
        buffer = self._buffer
        try:
            while len(buffer) >= 6 and self.state in (AWAIT_REQUEST, ESTABLISHED):
                kind, length = pdu.parse_header(buffer)
                longest = MAX_REQUEST_BYTES if self.state == AWAIT_REQUEST else pdu.MAX_PDU_BYTES + 6
                if not pdu.ASSOCIATE_RQ <= kind <= pdu.ABORT or length > longest:
                    raise MalformedPdu("no such PDU, or too long")
                if len(buffer) < 6 + length:
                    return
                body = bytes(memoryview(buffer)[6 : 6 + length])
                if self.state == AWAIT_REQUEST:
                    self._receive_request(kind, body)
                else:
                    del buffer[: 6 + length]
                    self._receive_unit(kind, body)
        except MalformedPdu as error:
            log.info("dicom.malformed", address=self.address, error=str(error))
            self.abort("malformed PDU", reason=6)  # invalid PDU parameter value (PS3.8 table 9-26)
        except LimitExceeded as error:
            log.warning("dicom.limit", address=self.address, error=str(error))
            self.abort(str(error))

    def _receive_request(self, kind: int, body: bytes) -> None:
        if kind != pdu.ASSOCIATE_RQ:
            raise MalformedPdu("an association begins with a request")
        self.request = pdu.parse_associate_request(body)
        self.state = ADMITTING
        self.owner.admit(self)

    def decide(self, verdict: Caller | AssociateReject) -> None:
        """The caller was looked up: accept or reject the association (AE-7, AE-8)."""
        if self.state != ADMITTING or self.request is None:
            return
        if isinstance(verdict, Caller) and not self.owner.reserve(self):
            verdict = TOO_MANY
        if isinstance(verdict, AssociateReject):
            self.owner.record(self, verdict.words, aborted=False)
            self.close(pdu.encode_reject(verdict.result, verdict.source, verdict.reason))
            return
        self.caller = verdict
        # The request stayed in the buffer until now, so that nothing behind it was read before the caller was known.
        _, length = pdu.parse_header(self._buffer)
        del self._buffer[: 6 + length]
        self.state = ESTABLISHED
        self.exchange = MessageExchange(self, verdict, self.request, self.owner.services)
        self.transport.write(self.exchange.encode_accept())
        self._read_units()

    def _receive_unit(self, kind: int, body: bytes) -> None:
        assert self.exchange is not None
        if kind == pdu.P_DATA:
            self.exchange.receive(body)
        elif kind == pdu.RELEASE_RQ:
            self.exchange.release()
        elif kind == pdu.ABORT:
            self.close(b"")
        else:
            self.abort("PDU out of turn", reason=2)  # unexpected PDU

    # -- for the exchange and the owner ----------------------------------------------------------

    @property
    def established(self) -> bool:
        """Whether messages are exchanged (Sta6, Sta8)."""
        return self.state == ESTABLISHED

    @property
    def busy(self) -> bool:
        """Whether a message is being answered."""
        return self.exchange is not None and self.exchange.busy

    def note_activity(self) -> None:
        """Begin the idle time anew."""
        self.last_activity = monotonic()

    def hold_bytes(self, count: int) -> None:
        """Count bytes of messages that wait in memory; a negative number gives them back."""
        self.held_bytes += count
        self.owner.hold_bytes(self, count)

    def call_on_loop(self, function: Callable[[bytes], None], data: bytes) -> None:
        """Run on the event loop, from any thread."""
        self.owner.call_on_loop(function, data)

    def write(self, data: bytes) -> None:
        """Write behind all that was written before."""
        self.transport.write(data)

    def write_now(self, data: bytes) -> bytes:
        """Write from another thread what the socket takes at once; return the rest, all of it if the loop must write.

        That spares an answer a turn of the loop: to wake it costs a short answer as much time as its encoding. What
        the socket does not take at once, and all that is encrypted, remains the loop's.
        """
        with self._file_lock:
            if self._file < 0 or self.transport.get_write_buffer_size():
                return data
            try:
                written = os.write(self._file, data)
            except OSError:  # full, or dead, which the loop finds out by itself
                return data
        return data[written:]

    def abort(self, why: str, *, reason: int = 0) -> None:
        """End the association for a fault of the peer: A-ABORT with a reason of PS3.8 table 9-26, kept and audited."""
        if self.state == ESTABLISHED:
            self.owner.record(self, why, aborted=True)
        self.close(pdu.encode_abort(2, reason))

    def hang_up(self) -> None:
        """End the association from our side: we shut down, or the peer was idle for too long."""
        # Source 0: the service user ends it, not the provider for a fault (PS3.8 table 9-26).
        self.close(pdu.encode_abort(0, 0) if self.state == ESTABLISHED else b"")

    def close(self, last_pdu: bytes) -> None:
        """Write this and close: after a last PDU the peer has a moment to close first (PS3.8 table 9-10, Sta13)."""
        self._end()
        if self.transport.is_closing():
            return
        if not last_pdu:
            self.transport.close()
            return
        self.transport.write(last_pdu)
        self.owner.loop.call_later(LINGER_S, self.transport.close)

    def _end(self) -> None:
        self.state = CLOSED
        self._buffer.clear()
        with self._file_lock:  # before the socket is closed: the number of its file is soon another's
            self._file = -1
        if self.exchange:
            self.exchange.stop()
        self.owner.release(self)


def _plain_address(address: str) -> str:
    """An IPv4 address as such, where a socket for both families writes it as ``::ffff:192.0.2.7``."""
    mapped = getattr(ip_address(address), "ipv4_mapped", None) if address else None
    return str(mapped) if mapped else address
