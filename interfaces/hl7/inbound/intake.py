"""Intake of messages: raw bytes are stored first, then one transaction applies a message and writes its disposition.

The lower half is what the listener's threads do: store, process, and note the answers of each ``Exchange``.

Nothing is answered that is not stored, and nothing is answered AA that is not
applied. A crash in between leaves the message stored and undecided; the sender,
who has no answer, sends it again, or the sweep decides it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, partial
from typing import Any

import structlog
from django.db import OperationalError, connection, transaction

from ris.kernel.clock import now
from ris.kernel.db.statements import BulkInsert
from ris.kernel.db.threads import ensure_database, run_with_retry, writers_turn
from ris.kernel.db.transactions import open_batch
from ris.kernel.errors import is_disk_full

from .. import states
from ..models import InboundMessage
from ..v2.acknowledgment import echoes_control_id
from ..v2.header import Header, recover_header
from . import processing, responses
from .prepared_queries import MESSAGES
from .processing import DecidedMeanwhile
from .senders import find_peer

log = structlog.get_logger(__name__)

# Tries in all: a victim of a deadlock nearly always succeeds at its second.
_DEADLOCKS = 3
# How long a batch waits for a lock that somebody else holds: all its senders wait with it.
_LOCK_TIMEOUT = "200ms"


@dataclass(frozen=True)
class Arrival:
    """Bytes off the wire. ``fault`` says why they cannot be taken as a message."""

    raw: bytes
    address: str
    at: datetime
    fault: str = ""
    certificate: str = ""
    """Common name of the TLS certificate that the sender showed."""

    @cached_property
    def header(self) -> Header:
        """The MSH as far as it can be read; never fails."""
        return recover_header(self.raw)


_ARRIVED = BulkInsert(
    InboundMessage,
    *("address", "received_at", "raw", "sha256", "fault", "kind", "event", "control_id", "version", "certificate"),
)


def store_messages(arrivals: Sequence[Arrival]) -> list[int]:
    """Keep the raw bytes, in order, in one transaction; return their ids. When this returns they are on disk."""
    return _ARRIVED.insert([_row(arrival, arrival.header) for arrival in arrivals])


def _row(arrival: Arrival, header: Header) -> tuple[Any, ...]:
    return (
        arrival.address[:64],
        arrival.at,
        arrival.raw,
        hashlib.sha256(arrival.raw).hexdigest(),
        arrival.fault,
        header.kind[:16],
        header.event[:16],
        # recover_header has cut the control id to the 199 characters of the column.
        header.control_id,
        header.version[:16],
        arrival.certificate[:200],
    )


@dataclass(slots=True, eq=False)
class Exchange:
    """One message of a connection, from its arrival to its answers (usually one)."""

    arrival: Arrival
    send_answers: Callable[[], None]
    """Send the answers of its connection that are known. Called on the thread of the event loop."""
    message_id: int = 0
    """Once it is stored."""
    in_process: bool = False
    answers: list[bytes] | None = None
    """Once they are known; may be empty."""

    @property
    def answered_rightly(self) -> bool:
        """Whether each answer acknowledges this message and no other: MSA-2 is its MSH-10."""
        arrival = self.arrival
        return all(echoes_control_id(answer, arrival.header, arrival.raw) for answer in self.answers or ())


def process_message(message_id: int, *, at: datetime) -> InboundMessage:
    """Apply a stored message unless that was done, and write down what became of it, in one transaction.

    Of two who decide the same message at once one does; both get the outcome. Raises OperationalError
    when the database cannot do it now.
    """
    deadlocks = 0
    while True:
        try:
            with transaction.atomic():
                (row,) = MESSAGES.all(message_id)
                return processing.process_row(row, at)
        except DecidedMeanwhile:
            (row,) = MESSAGES.all(message_id)  # whoever was first has committed
            return row
        except OperationalError as error:
            deadlocks += 1
            if deadlocks == _DEADLOCKS or "deadlock" not in str(error):
                raise


def process_batch(message_ids: Sequence[int], *, at: datetime) -> dict[int, InboundMessage]:
    """Apply several stored messages, in the order of their ids, in one transaction with one commit.

    Return each message's outcome by its id: the order in which ids are given and that in which they are applied differ.
    All or none, except that one which is refused or fails changes nothing and hurts none of the others. Waits for
    nobody's lock for long. Whatever it raises, none is decided: process each by itself then.
    """
    with transaction.atomic(), open_batch():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        rows = MESSAGES.all(*message_ids)
        # All at once and sorted, so that two batches never wait for each other.
        processing.lock_control_ids(*{row.control_id for row in rows if row.control_id})
        return {row.pk: processing.process_row(row, at) for row in rows}


def list_unprocessed(*, before: datetime, limit: int = 500) -> list[int]:
    """Messages stored before that moment and not decided yet, oldest first."""
    rows = InboundMessage.objects.filter(state=states.RECEIVED, received_at__lt=before)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:limit])


def store_batch(batch: list[Exchange]) -> None:
    """Store all; and answer those whose senders wait for no more."""
    arrivals = [exchange.arrival for exchange in batch]
    message_ids = run_with_retry(lambda: store_messages(arrivals))
    find = cache(find_peer)  # a burst comes from one sender or two; their settings are those of this moment
    for exchange, message_id in zip(batch, message_ids, strict=True):
        exchange.message_id, header = message_id, exchange.arrival.header
        # Only who asks for the enhanced mode can want no outcome; its peer's setting may say otherwise.
        if header.enhanced and responses.is_answered_when_stored(header, find(*header.sender)):
            exchange.answers = responses.answers_when_stored(header, message_id, exchange.arrival.at)


def process_together(batch: list[Exchange]) -> None:
    """Process all in one transaction. Raises what made it impossible; then none is processed."""
    ensure_database()
    with writers_turn():
        try:
            rows = process_batch([exchange.message_id for exchange in batch], at=now())
        except Exception:
            connection.close()
            raise
    for exchange in batch:
        _answer(exchange, rows[exchange.message_id])


def process_alone(exchange: Exchange) -> None:
    """Process one in a transaction of its own."""
    _answer(exchange, run_with_retry(lambda: process_message(exchange.message_id, at=now())))


def process_later(message_ids: list[int]) -> None:
    """Process what nobody waits for: together, or each alone where that fails. What fails is left to the sweep."""
    if len(message_ids) > 1:
        try:
            with writers_turn():
                process_batch(message_ids, at=now())
            return
        except Exception:
            connection.close()
    for message_id in message_ids:
        try:
            run_with_retry(partial(process_message, message_id, at=now()))
        except Exception as error:  # it is stored: the sweep comes
            log.warning("hl7.later", message=message_id, error=type(error).__name__)


def _answer(exchange: Exchange, row: InboundMessage) -> None:
    exchange.answers = responses.answers_when_processed(exchange.arrival.header, row, exchange.arrival.at)


def answer_busy(batch: list[Exchange], error: BaseException) -> None:
    """The database is away, or worse: say so and go on listening."""
    log.error("hl7.busy", error=type(error).__name__, reason="disk full" if is_disk_full(error) else "")
    for exchange in batch:
        exchange.answers = responses.answers_when_busy(exchange.arrival.header, exchange.arrival.at)
