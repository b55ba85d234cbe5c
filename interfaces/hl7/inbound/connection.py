"""One connection of a sender: bytes come in, messages go to be taken, answers go out in the order of the messages."""

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

from ..v2.acknowledgment import echoes_control_id
from ..v2.mllp import Deframer, Frame, frame_message
from .intake import Arrival

MOST_WAITING, MOST_WAITING_BYTES = 200, 1_000_000
"""Unanswered messages of one connection, and their bytes, beyond which no more is read from it."""


@dataclass(slots=True, eq=False)
class Taken:
    """A message of a line, from its arrival to its answers (usually one)."""

    line: Line
    arrival: Arrival
    message_id: int = 0
    """Once it is stored."""
    deciding: bool = False
    answers: list[bytes] | None = None
    """Once they are known; may be empty."""

    @property
    def answered_rightly(self) -> bool:
        """Whether each answer acknowledges this message and no other: MSA-2 is its MSH-10."""
        arrival = self.arrival
        return all(echoes_control_id(answer, arrival.header, arrival.raw) for answer in self.answers or ())


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a line is borne, in seconds."""

    idle: float
    message: float
    write: float


class Line(asyncio.Protocol):
    """``take`` is given each message that comes, ``decide`` each that is stored and next to be decided.

    ``report_mismatch`` is given a message whose answer acknowledges another one. Such an answer is not written.
    A line that is silent, dead or trickling costs a file descriptor and nothing else.
    """

    def __init__(
        self,
        lines: set[Line],
        *,
        most_bytes: int,
        patience: Patience,
        take: Callable[[Taken], object],
        decide: Callable[[Taken], object],
        report_mismatch: Callable[[Taken], object],
    ) -> None:
        self._lines, self._patience, self._take, self._decide = lines, patience, take, decide
        self._report_mismatch = report_mismatch
        self._deframer = Deframer(most_bytes)
        self._taken: deque[Taken] = deque()
        self._waiting_bytes = 0
        self._transport: Any = None
        self._address = ""
        self._ended = False
        self._begun_at: float | None = None
        """When the message that has not ended yet began."""
        self._stuck_at: float | None = None
        """When the peer ceased to take answers."""
        self.heard_at = time.monotonic()

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer on it."""
        return bool(self._taken)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peername = transport.get_extra_info("peername")
        self._address = str(peername[0]) if peername else ""
        self._lines.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """What was not answered the peer will send again; what was stored is decided all the same."""
        self._lines.discard(self)

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        frames = self._deframer.feed(data)
        self._take_all(frames)
        if not self._deframer.begun:
            self._begun_at = None
        elif self._begun_at is None or frames:
            self._begun_at = self.heard_at

    def eof_received(self) -> bool:
        """The peer has said all; without TLS it may still be listening for its answers."""
        self._end()
        return self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        self._stuck_at = time.monotonic()

    def resume_writing(self) -> None:
        self._stuck_at = None

    def _take_all(self, frames: list[Frame]) -> None:
        for body, fault in frames:
            taken = Taken(self, Arrival(body, self._address, now(), fault))
            self._taken.append(taken)
            self._waiting_bytes += len(body)
            self._take(taken)
        if frames and self._full:
            self._transport.pause_reading()

    @property
    def _full(self) -> bool:
        return len(self._taken) > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES

    def advance(self) -> None:
        """Send the answers that are known, in order; have the first message that has none decided."""
        answered = []
        full = self._full
        while self._taken and self._taken[0].answers is not None:
            done = self._taken.popleft()
            self._waiting_bytes -= len(done.arrival.raw)
            answered.append(done)
        if answered and not self._transport.is_closing():
            self._write(answered)
        if full and not self._full and not self._ended:
            self._transport.resume_reading()
        if self._taken and self._taken[0].message_id and not self._taken[0].deciding:
            self._taken[0].deciding = True
            self._decide(self._taken[0])
        if self._taken:
            return
        if self._ended:
            self._transport.close()
        elif self._begun_at is not None:  # it had to wait for us
            self._begun_at = time.monotonic()

    def _write(self, answered: list[Taken]) -> None:
        """Write the answers, up to one that acknowledges another message: then close, so that the peer asks again."""
        right = list(takewhile(lambda taken: taken.answered_rightly, answered))
        if answers := [frame_message(answer) for taken in right for answer in taken.answers or ()]:
            self._transport.write(b"".join(answers))
        if len(right) < len(answered):
            self._report_mismatch(answered[len(right)])
            self._end()
            self._transport.close()

    def look(self, at: float) -> None:
        """Called now and then: give up a peer who keeps us waiting for longer than is borne."""
        if self._stuck_at is not None and at - self._stuck_at > self._patience.write:
            self.abort()
        elif self._begun_at is not None:
            if at - self._begun_at > self._patience.message and not self.busy:
                self._give_up()
        elif at - self.heard_at > self._patience.idle and not self.busy:
            self._end()

    def _give_up(self) -> None:
        """Take what has come of a message that does not end, and say so."""
        self._begun_at = None
        unfinished = self._deframer.unfinished
        if unfinished:
            late = f"The message did not end within {self._patience.message:.0f} s."
            self._take_all([Frame(unfinished, late)])
        self._end()

    def _end(self) -> None:
        """Read no more; close once all is answered."""
        self._ended = True
        if self._taken:
            self._transport.pause_reading()
        else:
            self._transport.close()

    def close(self) -> None:
        """Close the connection after what is written has been sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once; unsent answers are lost."""
        self._lines.discard(self)
        self._transport.abort()
