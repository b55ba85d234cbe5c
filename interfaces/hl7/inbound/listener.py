"""The MLLP listener: one event loop for the sockets, a few threads for the database.

A message is stored (committed, synced) before anything is answered; then applied
in one transaction; then answered. Messages that wait at the same moment share
their commits: those to be stored one, those to be applied another.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from django.db import connection as database

from ris.kernel.alarms import raise_alarm
from ris.kernel.clock import now
from ris.kernel.db.group_commit import Background, Batches
from ris.kernel.db.threads import DatabaseExecutor, run_with_retry

from ..outbound.queue import apply_settings
from ..v2.mllp import MOST_BYTES
from . import intake
from .connection import Connection, Timeouts
from .intake import Exchange

A = TypeVar("A")
B = TypeVar("B")

log = structlog.get_logger(__name__)

MISMATCH_ALARM = "hl7-answer-mismatch"

# Batch size for background messages on SQLite: each batch blocks the only writer.
_LATER_ON_SQLITE = 4
# Orders in a message beyond which it is processed by itself: all senders of its batch would wait for it.
_BULK = 16


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
    """For messages that could not be applied together with others."""
    stored_together: int = 200
    applied_together: int = 16
    appliers: int = 2
    """So that one works while the other waits for the database."""


def _orders_in(raw: bytes) -> int:
    """About how many orders a message holds, without reading it."""
    return max(raw.count(b"ORC|"), raw.count(b"OBR|"))


class Listener:
    """Serves connections until it is closed. Made, used and closed on its event loop's thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._served_at = 0.0
        self._storing = Batches(
            intake.store_batch, self._from_thread(self._stored), most=limits.stored_together, name="hl7-store"
        )
        one_writer = database.vendor == "sqlite"
        self._applying = Batches(
            intake.process_together,
            self._from_thread(self._applied),
            most=limits.applied_together,
            name="hl7-apply",
            threads=1 if one_writer else limits.appliers,
        )
        self._workers = DatabaseExecutor(1 if one_writer else limits.workers, "hl7-alone")
        together = _LATER_ON_SQLITE if one_writer else limits.applied_together
        self._later = Background(intake.process_later, self._serving, most=together, name="hl7-later")

    def _from_thread(self, then: Callable[[A, B], None]) -> Callable[[A, B], object]:
        return lambda what, outcome: self._loop.call_soon_threadsafe(then, what, outcome)

    def new_connection(self) -> Connection:
        """Return the protocol of a new connection; the one that was silent longest makes room for it."""
        self._make_room()
        limits = self._limits
        return Connection(
            self._connections,
            most_bytes=limits.message_bytes,
            timeouts=Timeouts(idle_s=limits.idle, message_s=limits.message, write_s=limits.write),
            store=self._storing.submit,
            process=self._process,
            report_mismatch=self._report_mismatch,
        )

    def _process(self, exchange: Exchange) -> None:
        """Have a stored message processed: with others, or by itself where it is so long that others would wait."""
        if _orders_in(exchange.arrival.raw) > _BULK:
            self._process_alone(exchange)
        else:
            self._applying.submit(exchange)

    def _process_alone(self, exchange: Exchange) -> None:
        job = self._workers.submit(partial(intake.process_alone, exchange))
        job.add_done_callback(partial(self._from_thread(self._applied_alone), exchange))

    def _make_room(self) -> None:
        while len(self._connections) >= self._limits.connections:
            quiet = min((n for n in self._connections if not n.busy), key=lambda n: n.heard_at, default=None)
            if quiet is None:
                return
            quiet.abort()

    def check_timeouts(self) -> None:
        """Called now and then: see to connections that take too long."""
        at = time.monotonic()
        for connection in list(self._connections):
            connection.check_timeouts(at)

    def _serving(self) -> bool:
        """Whether messages are pouring in, or wait to be stored behind what nobody waits for."""
        # 50 ms without a message: the burst is over.
        return self._storing.busy or time.monotonic() - self._served_at < 0.05

    def _stored(self, batch: list[Exchange], error: Exception | None) -> None:
        if error is not None:
            intake.answer_busy(batch, error)
        self._served_at = time.monotonic()
        for exchange in batch:
            if error is None and exchange.answers is not None:
                self._later.submit(exchange.message_id)
        _send_answers(batch)

    def _applied(self, batch: list[Exchange], error: Exception | None) -> None:
        """Where it did not go together (an error in one that undid all, a lock, a deadlock), each goes by itself."""
        if error is None:
            _send_answers(batch)
            return
        for exchange in batch:
            self._process_alone(exchange)

    def _applied_alone(self, exchange: Exchange, job: Future[None]) -> None:
        error = job.exception()
        if error is not None:
            intake.answer_busy([exchange], error)
        _send_answers([exchange])

    def _report_mismatch(self, exchange: Exchange) -> None:
        """An answer belonged to another message. Its connection is closed; here people are told."""
        log.error("hl7.answer_mismatch", message=exchange.message_id)
        alarm = partial(_alarm_mismatch, exchange.message_id, exchange.arrival.address, at=now())
        self._workers.give(lambda: run_with_retry(alarm))

    async def close(self) -> None:
        """Let messages in work finish, then end all connections and threads."""
        # 100 × 50 ms: five seconds for what is in work; what is not answered then is sent again.
        for _ in range(100):
            if not any(connection.busy for connection in self._connections):
                break
            await asyncio.sleep(0.05)
        for connection in list(self._connections):
            connection.close()
        for end in (self._storing.close, self._applying.close, self._workers.shutdown, self._later.close):
            await asyncio.to_thread(end)

    def begin(self) -> None:
        """Beside the traffic: follow the settings, and process what an earlier run stored and did not process."""
        before = now()
        self._workers.give(lambda: run_with_retry(partial(apply_settings, at=before)))

        def process_left_over() -> None:
            for message_id in intake.list_unprocessed(before=before):
                self._later.submit(message_id)

        self._workers.give(lambda: run_with_retry(process_left_over))


def _alarm_mismatch(message_id: int, address: str, *, at: datetime) -> None:
    detail = f"Message {message_id}: its answer acknowledged another message; not sent, the connection was closed."
    raise_alarm(MISMATCH_ALARM, address, detail=detail, at=at)


def _send_answers(batch: list[Exchange]) -> None:
    # Bound methods of one connection are equal: each connection is asked once.
    for send_answers in {exchange.send_answers for exchange in batch}:
        send_answers()


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
        # backlog: a hospital whose network comes back connects all its senders at once.
        server = await asyncio.get_running_loop().create_server(
            listener.new_connection, host, port, ssl=tls, backlog=512, ssl_handshake_timeout=10.0 if tls else None
        )
        listener.begin()
        on_listening(server.sockets[0].getsockname()[1])
        while not stop.is_set():
            # The stop event is of threads: the loop can only look at it.
            await asyncio.sleep(0.1)
            listener.check_timeouts()
        server.close()
    finally:
        await listener.close()
