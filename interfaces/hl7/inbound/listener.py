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
from django.db import connection

from ris.kernel.alarms import raise_alarm
from ris.kernel.clock import now
from ris.kernel.db.group_commit import Background, Batches
from ris.kernel.db.threads import DatabaseExecutor, ensure_database, run_with_retry, writers_turn
from ris.kernel.errors import is_disk_full

from ..models import InboundMessage
from ..outbound.queue import apply_settings
from ..v2.mllp import MOST_BYTES
from . import intake, responses
from .connection import Line, Patience, Taken
from .senders import find_peer

A = TypeVar("A")
B = TypeVar("B")

log = structlog.get_logger(__name__)

MISMATCH_ALARM = "hl7-answer-mismatch"

_LATER_ON_SQLITE = 4
"""Messages that nobody waits for and that are decided at once, since whoever comes then waits for their commit."""


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


class Listener:
    """Serves connections until it is closed. Made, used and closed on its event loop's thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._lines: set[Line] = set()
        self._served_at = 0.0
        self._storing = Batches(_store, self._from_thread(self._stored), most=limits.stored_together, name="hl7-store")
        one_writer = connection.vendor == "sqlite"
        self._applying = Batches(
            _apply_together,
            self._from_thread(self._applied),
            most=limits.applied_together,
            name="hl7-apply",
            threads=1 if one_writer else limits.appliers,
        )
        self._workers = DatabaseExecutor(1 if one_writer else limits.workers, "hl7-alone")
        together = _LATER_ON_SQLITE if one_writer else limits.applied_together
        self._later = Background(_apply_later, self._serving, most=together, name="hl7-later")

    def _from_thread(self, then: Callable[[A, B], None]) -> Callable[[A, B], object]:
        return lambda what, outcome: self._loop.call_soon_threadsafe(then, what, outcome)

    def line(self) -> Line:
        """For a new connection."""
        self._make_room()
        limits = self._limits
        return Line(
            self._lines,
            most_bytes=limits.message_bytes,
            patience=Patience(idle=limits.idle, message=limits.message, write=limits.write),
            take=self._storing.submit,
            decide=self._applying.submit,
            report_mismatch=self._report_mismatch,
        )

    def _make_room(self) -> None:
        while len(self._lines) >= self._limits.connections:
            quiet = min((n for n in self._lines if not n.busy), key=lambda n: n.heard_at, default=None)
            if quiet is None:
                return
            quiet.abort()

    def look(self) -> None:
        """Called now and then: see to connections that take too long."""
        at = time.monotonic()
        for line in list(self._lines):
            line.look(at)

    def _serving(self) -> bool:
        """Whether messages are pouring in, or wait to be stored behind what nobody waits for."""
        return self._storing.busy or time.monotonic() - self._served_at < 0.05

    def _stored(self, batch: list[Taken], error: Exception | None) -> None:
        if error is not None:
            _busy(batch, error)
        self._served_at = time.monotonic()
        for taken in batch:
            if error is None and taken.answers is not None:
                self._later.submit(taken.message_id)
        _advance(batch)

    def _applied(self, batch: list[Taken], error: Exception | None) -> None:
        """Where it did not go together (an error in one that undid all, a lock, a deadlock), each goes by itself."""
        if error is None:
            _advance(batch)
            return
        for taken in batch:
            job = self._workers.submit(partial(_apply_alone, taken))
            job.add_done_callback(partial(self._from_thread(self._applied_alone), taken))

    def _applied_alone(self, taken: Taken, job: Future[None]) -> None:
        error = job.exception()
        if error is not None:
            _busy([taken], error)
        _advance([taken])

    def _report_mismatch(self, taken: Taken) -> None:
        """An answer belonged to another message. Its connection is closed; here people are told."""
        log.error("hl7.answer_mismatch", message=taken.message_id)
        alarm = partial(_alarm_mismatch, taken.message_id, taken.arrival.address, at=now())
        self._workers.give(lambda: run_with_retry(alarm))

    async def close(self) -> None:
        """Let messages in work finish, then end all connections and threads."""
        for _ in range(100):
            if not any(line.busy for line in self._lines):
                break
            await asyncio.sleep(0.05)
        for line in list(self._lines):
            line.close()
        for end in (self._storing.close, self._applying.close, self._workers.shutdown, self._later.close):
            await asyncio.to_thread(end)

    def begin(self) -> None:
        """Beside the traffic: follow the settings, and decide what an earlier run stored and did not decide."""
        before = now()
        self._workers.give(lambda: run_with_retry(partial(apply_settings, at=before)))

        def decide_all() -> None:
            for message_id in intake.list_unprocessed(before=before):
                self._later.submit(message_id)

        self._workers.give(lambda: run_with_retry(decide_all))


def _store(batch: list[Taken]) -> None:
    """Store all; and answer those whose senders wait for no more."""
    arrivals = [taken.arrival for taken in batch]
    message_ids = run_with_retry(lambda: intake.store_messages(arrivals))
    for taken, message_id in zip(batch, message_ids, strict=True):
        taken.message_id, header = message_id, taken.arrival.header
        # Only who asks for the enhanced mode can want no outcome; its peer's setting may say otherwise.
        if header.enhanced and responses.is_answered_when_stored(header, find_peer(header)):
            taken.answers = responses.answers_when_stored(header, message_id, taken.arrival.at)


def _apply_together(batch: list[Taken]) -> None:
    ensure_database()
    with writers_turn():
        try:
            rows = intake.process_batch([taken.message_id for taken in batch], at=now())
        except Exception:
            connection.close()
            raise
    for taken in batch:
        _answer(taken, rows[taken.message_id])


def _apply_alone(taken: Taken) -> None:
    _answer(taken, run_with_retry(lambda: intake.process_message(taken.message_id, at=now())))


def _apply_later(message_ids: list[int]) -> None:
    if len(message_ids) > 1:
        try:
            with writers_turn():
                intake.process_batch(message_ids, at=now())
            return
        except Exception:
            connection.close()
    for message_id in message_ids:
        try:
            run_with_retry(partial(intake.process_message, message_id, at=now()))
        except Exception as error:  # it is stored: the sweep comes
            log.warning("hl7.later", message=message_id, error=type(error).__name__)


def _answer(taken: Taken, row: InboundMessage) -> None:
    taken.answers = responses.answers_when_processed(taken.arrival.header, row, taken.arrival.at)


def _alarm_mismatch(message_id: int, address: str, *, at: datetime) -> None:
    detail = f"Message {message_id}: its answer acknowledged another message; not sent, the connection was closed."
    raise_alarm(MISMATCH_ALARM, address, detail=detail, at=at)


def _busy(batch: list[Taken], error: BaseException) -> None:
    """The database is away, or worse: say so and go on listening."""
    log.error("hl7.busy", error=type(error).__name__, reason="disk full" if is_disk_full(error) else "")
    for taken in batch:
        taken.answers = responses.answers_when_busy(taken.arrival.header, taken.arrival.at)


def _advance(batch: list[Taken]) -> None:
    for line in {taken.line for taken in batch}:
        line.advance()


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
        server = await asyncio.get_running_loop().create_server(
            listener.line, host, port, ssl=tls, backlog=512, ssl_handshake_timeout=10.0 if tls else None
        )
        listener.begin()
        on_listening(server.sockets[0].getsockname()[1])
        while not stop.is_set():
            await asyncio.sleep(0.1)
            listener.look()
        server.close()
    finally:
        await listener.close()
