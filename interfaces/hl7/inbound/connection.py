"""One connection of a sender: bytes come in, messages are stored and processed, answers go out in their order."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ris.kernel.clock import now
from ris.kernel.tls import common_name

from ..v2.mllp import Deframer, Frame, frame_message
from .intake import Arrival, Exchange

MOST_WAITING, MOST_WAITING_BYTES = 200, 1_000_000
"""Unanswered messages of one connection, and their bytes, beyond which no more is read from it.

One sender must not fill the memory.
"""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a connection may be without a message, a message without its end, an answer unread; seconds."""

    idle_s: float
    message_s: float
    write_s: float


class Connection(asyncio.Protocol):
    """MLLP on one socket (HL7 v2 Transport, MLLP release 1).

    ``store`` is given each message that comes, ``process`` each that is stored and next to be processed,
    ``report_mismatch`` one whose answer acknowledges another message: that answer is not written. A connection that
    is silent, dead or trickling costs a file descriptor and nothing else.
    """

    def __init__(
        self,
        connections: set[Connection],
        *,
        most_bytes: int,
        timeouts: Timeouts,
        store: Callable[[Exchange], object],
        process: Callable[[Exchange], object],
        report_mismatch: Callable[[Exchange], object],
    ) -> None:
        self._connections, self._timeouts, self._store, self._process = connections, timeouts, store, process
        self._report_mismatch = report_mismatch
        self._deframer = Deframer(most_bytes)
        self._exchanges: deque[Exchange] = deque()
        self._waiting_bytes = 0
        self._transport: Any = None
        self._address = ""
        self._certificate = ""
        self._ended = False
        self._frame_begun_at: float | None = None
        """When the message that has not ended yet began."""
        self._blocked_at: float | None = None
        """When the peer ceased to take answers."""
        self.heard_at = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer on it."""
        return bool(self._exchanges)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # An answer is smaller than a segment: Nagle would hold it back for the ACK of the one before.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A peer whose firewall dropped the connection sends no FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peername = transport.get_extra_info("peername")
        self._address = str(peername[0]) if peername else ""
        self._certificate = common_name(transport.get_extra_info("peercert"))
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """What was not answered the peer will send again; what was stored is processed all the same."""
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        frames = self._deframer.feed(data)
        self._receive(frames)
        if not self._deframer.begun:
            self._frame_begun_at = None
        elif self._frame_begun_at is None or frames:
            self._frame_begun_at = self.heard_at

    def eof_received(self) -> bool:
        """The peer has said all; without TLS it may still be listening for its answers."""
        self._end()
        # asyncio cannot keep a TLS connection half open.
        return self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        self._blocked_at = time.monotonic()

    def resume_writing(self) -> None:
        self._blocked_at = None

    def _receive(self, frames: list[Frame]) -> None:
        for body, fault in frames:
            exchange = Exchange(Arrival(body, self._address, now(), fault, self._certificate), self.send_answers)
            self._exchanges.append(exchange)
            self._waiting_bytes += len(body)
            self._store(exchange)
        # TCP slows the sender down; nothing is dropped.
        if frames and self._full:
            self._transport.pause_reading()

    @property
    def _full(self) -> bool:
        return len(self._exchanges) > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES

    def send_answers(self) -> None:
        """Send the answers that are known, in order; have the first message that has none processed."""
        answered = []
        full = self._full
        while self._exchanges and self._exchanges[0].answers is not None:
            done = self._exchanges.popleft()
            self._waiting_bytes -= len(done.arrival.raw)
            answered.append(done)
        if answered and not self._transport.is_closing():
            self._write(answered)
        if full and not self._full and not self._ended:
            self._transport.resume_reading()
        if self._exchanges and self._exchanges[0].message_id and not self._exchanges[0].in_process:
            self._exchanges[0].in_process = True
            self._process(self._exchanges[0])
        if self._exchanges:
            return
        if self._ended:
            self._transport.close()
        elif self._frame_begun_at is not None:  # it had to wait for us
            self._frame_begun_at = time.monotonic()

    def _write(self, answered: list[Exchange]) -> None:
        """Write the answers, up to one that acknowledges another message: then close, so that the peer asks again."""
        right = list(takewhile(lambda exchange: exchange.answered_rightly, answered))
        if answers := [frame_message(answer) for exchange in right for answer in exchange.answers or ()]:
            self._transport.write(b"".join(answers))
        if len(right) < len(answered):
            self._report_mismatch(answered[len(right)])
            self._end()
            self._transport.close()

    def check_timeouts(self, at: float) -> None:
        """Called now and then: close a connection whose peer keeps us waiting for too long."""
        if self._blocked_at is not None and at - self._blocked_at > self._timeouts.write_s:
            self.abort()
        elif self._frame_begun_at is not None:
            if at - self._frame_begun_at > self._timeouts.message_s and not self.busy:
                self._give_up()
        elif at - self.heard_at > self._timeouts.idle_s and not self.busy:
            self._end()

    def _give_up(self) -> None:
        """Take what has come of a message that does not end, and say so."""
        self._frame_begun_at = None
        unfinished = self._deframer.unfinished
        if unfinished:
            late = f"The message did not end within {self._timeouts.message_s:.0f} s."
            self._receive([Frame(unfinished, late)])
        self._end()

    def _end(self) -> None:
        """Read no more; close once all is answered."""
        self._ended = True
        if self._exchanges:
            self._transport.pause_reading()
        else:
            self._transport.close()

    def close(self) -> None:
        """Close the connection after what is written has been sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once; unsent answers are lost."""
        self._connections.discard(self)
        self._transport.abort()
