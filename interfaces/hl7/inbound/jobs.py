"""What the listener's threads do with messages over the database: store, process, and note the answers."""

from __future__ import annotations

from functools import partial

import structlog
from django.db import connection

from ris.kernel.clock import now
from ris.kernel.db.threads import ensure_database, run_with_retry, writers_turn
from ris.kernel.errors import is_disk_full

from ..models import InboundMessage
from . import intake, responses
from .connection import Exchange
from .senders import find_peer

log = structlog.get_logger(__name__)


def store_batch(batch: list[Exchange]) -> None:
    """Store all; and answer those whose senders wait for no more."""
    arrivals = [exchange.arrival for exchange in batch]
    message_ids = run_with_retry(lambda: intake.store_messages(arrivals))
    for exchange, message_id in zip(batch, message_ids, strict=True):
        exchange.message_id, header = message_id, exchange.arrival.header
        # Only who asks for the enhanced mode can want no outcome; its peer's setting may say otherwise.
        if header.enhanced and responses.is_answered_when_stored(header, find_peer(header)):
            exchange.answers = responses.answers_when_stored(header, message_id, exchange.arrival.at)


def process_together(batch: list[Exchange]) -> None:
    """Process all in one transaction. Raises what made it impossible; then none is processed."""
    ensure_database()
    with writers_turn():
        try:
            rows = intake.process_batch([exchange.message_id for exchange in batch], at=now())
        except Exception:
            connection.close()
            raise
    for exchange in batch:
        _answer(exchange, rows[exchange.message_id])


def process_alone(exchange: Exchange) -> None:
    """Process one in a transaction of its own."""
    _answer(exchange, run_with_retry(lambda: intake.process_message(exchange.message_id, at=now())))


def process_later(message_ids: list[int]) -> None:
    """Process what nobody waits for: together, or each alone where that fails. What fails is left to the sweep."""
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


def _answer(exchange: Exchange, row: InboundMessage) -> None:
    exchange.answers = responses.answers_when_processed(exchange.arrival.header, row, exchange.arrival.at)


def answer_busy(batch: list[Exchange], error: BaseException) -> None:
    """The database is away, or worse: say so and go on listening."""
    log.error("hl7.busy", error=type(error).__name__, reason="disk full" if is_disk_full(error) else "")
    for exchange in batch:
        exchange.answers = responses.answers_when_busy(exchange.arrival.header, exchange.arrival.at)
