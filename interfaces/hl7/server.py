"""The MLLP listener: one event loop for the sockets, a few threads for the database.

A message is stored (committed, synced) before anything is answered; then applied
in one transaction; then answered. Sockets that are silent, dead or trickling cost
a file descriptor and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from django.db import connection

from ris.kernel.clock import now

from . import answering, intake
from .framing import MOST_BYTES, Deframer, Frame, frame
from .header import recover
from .outbox import follow_settings
from .workers import Batches, Later, Workers

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one listener bears. Times in seconds."""

    message_bytes: int = MOST_BYTES
    connections: int = 400
    """One more, and the connection that was silent longest is closed."""
    idle: float = 3600
    """Without a message."""
    message: float = 60
    """From the first byte of a message to its last."""
    write: float = 30
    """For the peer to take an answer."""
    workers: int = 6
    batch: int = 200


@dataclass(slots=True, eq=False)
class _Line:
    """One connection: when it last said something, and how to close it."""

    heard_at: float
    writer: asyncio.StreamWriter
    busy: bool = False


class Listener:
    """Serves connections until it is closed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines: set[_Line] = set()
        self._storing = Batches(intake.store, most=limits.batch, name="hl7-store")
        self._stored_at = 0.0
        self._later = Later(self._storing_now, name="hl7-later")
        self._workers = Workers(1 if connection.vendor == "sqlite" else limits.workers, "hl7-apply")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line = _Line(time.monotonic(), writer)
        self._make_room()
        self._lines.add(line)
        try:
            await self._converse(reader, line)
        except (ConnectionError, TimeoutError, ssl.SSLError):
            pass  # the peer went away or stopped listening; what was not answered it will send again
        finally:
            self._lines.discard(line)
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    def _storing_now(self) -> bool:
        """Whether messages that only have to be stored are pouring in."""
        return time.monotonic() - self._stored_at < 0.05

    def _make_room(self) -> None:
        while len(self._lines) >= self._limits.connections:
            quiet = min((n for n in self._lines if not n.busy), key=lambda n: n.heard_at, default=None)
            if quiet is None:
                return
            self._lines.discard(quiet)
            quiet.writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, line: _Line) -> None:
        peername = line.writer.get_extra_info("peername")
        address = str(peername[0]) if peername else ""
        deframer = Deframer(self._limits.message_bytes)
        deadline: float | None = None
        while True:
            patience = self._limits.idle if deadline is None else deadline - time.monotonic()
            try:
                data = await asyncio.wait_for(reader.read(65536), max(patience, 0.01))
            except TimeoutError:
                if deframer.unfinished:
                    late = Frame(deframer.unfinished, f"The message did not end within {self._limits.message:.0f} s.")
                    await self._take([late], address, line)
                return
            if not data:
                return
            line.heard_at = time.monotonic()
            frames = deframer.feed(data)
            if frames:
                await self._take(frames, address, line)
            if not deframer.begun:
                deadline = None
            elif deadline is None or frames:
                deadline = time.monotonic() + self._limits.message

    async def _take(self, frames: list[Frame], address: str, line: _Line) -> None:
        """Store all, then decide and answer each in order."""
        line.busy = True
        try:
            arrivals = [intake.Arrival(f.body, address, now(), f.fault) for f in frames]
            waiting = [asyncio.wrap_future(self._storing.submit(arrival)) for arrival in arrivals]
            for arrival, stored in zip(arrivals, waiting, strict=True):
                for answer in await self._answers(arrival, stored):
                    line.writer.write(frame(answer))
                await asyncio.wait_for(line.writer.drain(), self._limits.write)
        finally:
            line.busy = False

    async def _answers(self, arrival: intake.Arrival, stored: asyncio.Future[int]) -> list[bytes]:
        header = recover(arrival.raw)
        try:
            message_id = await stored
            said = answering.on_stored(header, message_id, arrival.at)
            if answering.stored_is_enough(header):
                self._stored_at = time.monotonic()
                self._later.submit(lambda: intake.decide(message_id, at=now()))
                return said
            decision = self._workers.submit(lambda: intake.decide(message_id, at=now()))
            return said + answering.on_decided(header, await asyncio.wrap_future(decision))
        except Exception as error:  # the database is away, or worse: say so and go on listening
            log.error("hl7.busy", error=type(error).__name__)
            return answering.on_busy(header, arrival.at)

    async def close(self) -> None:
        """Let messages in work finish, then end all connections and threads."""
        for _ in range(100):
            if not any(line.busy for line in self._lines):
                break
            await asyncio.sleep(0.05)
        for line in list(self._lines):
            line.writer.close()
        await asyncio.to_thread(self._storing.close)
        await asyncio.to_thread(self._workers.close)
        await asyncio.to_thread(self._later.close)

    def begin(self) -> None:
        """Beside the traffic: follow the settings, and decide what an earlier run stored and did not decide."""
        before = now()
        self._workers.submit(partial(follow_settings, at=before))

        def decide_all() -> None:
            for message_id in intake.undecided(before=before):
                self._later.submit(partial(intake.decide, message_id, at=before))

        self._workers.submit(decide_all)


def serve(
    host: str,
    port: int,
    stop: threading.Event,
    *,
    on_listening: Callable[[int], None],
    tls: ssl.SSLContext | None = None,
    limits: Limits | None = None,
) -> None:
    """Listen until ``stop`` is set; call ``on_listening`` with the port (0 asks for a free one).

    Raises OSError when the address cannot be had. Messages in work are finished first, for up to 5 s.
    """
    asyncio.run(_serve(host, port, stop, on_listening, tls, limits or Limits()))


async def _serve(
    host: str,
    port: int,
    stop: threading.Event,
    on_listening: Callable[[int], None],
    tls: ssl.SSLContext | None,
    limits: Limits,
) -> None:
    listener = Listener(limits)
    try:
        patience = 10.0 if tls else None
        server = await asyncio.start_server(
            listener.connected, host, port, ssl=tls, backlog=512, ssl_handshake_timeout=patience
        )
        listener.begin()
        on_listening(server.sockets[0].getsockname()[1])
        while not stop.is_set():
            await asyncio.sleep(0.1)
        server.close()
    finally:
        await listener.close()
