"""Taking a message in: raw bytes first, then one transaction that applies it and writes its disposition.

Nothing is answered that is not stored, and nothing is answered AA that is not
applied. A crash in between leaves the message stored and undecided; the sender,
who has no answer, sends it again, or the sweep decides it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import OperationalError, connection, transaction

from ris.kernel.db.bulk import Many
from ris.kernel.db.statements import Kept
from ris.kernel.db.transactions import open_batch

from .. import states
from ..models import InboundMessage
from ..v2.header import Header, recover_header
from . import processing
from .processing import DecidedMeanwhile

_DEADLOCKS = 3
"""Tries in all: a victim of a deadlock nearly always succeeds at its second."""
_LOCK_TIMEOUT = "200ms"
"""How long a batch waits for a lock that somebody else holds: all its senders wait with it."""


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


_ARRIVED = Many(
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
        header.control_id,
        header.version[:16],
        arrival.certificate[:200],
    )


_STORED = Kept(lambda *pks: InboundMessage.objects.filter(pk__in=pks).order_by("pk"))


def process_message(message_id: int, *, at: datetime) -> InboundMessage:
    """Apply a stored message unless that was done, and write down what became of it, in one transaction.

    Of two who decide the same message at once one does; both get the outcome. Raises OperationalError
    when the database cannot do it now.
    """
    deadlocks = 0
    while True:
        try:
            with transaction.atomic():
                (row,) = _STORED.all(message_id)
                return processing.process_row(row, at)
        except DecidedMeanwhile:
            (row,) = _STORED.all(message_id)  # whoever was first has committed
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
        rows = _STORED.all(*message_ids)
        processing.lock_control_ids(*{row.control_id for row in rows if row.control_id})
        return {row.pk: processing.process_row(row, at) for row in rows}


def list_unprocessed(*, before: datetime, limit: int = 500) -> list[int]:
    """Messages stored before that moment and not decided yet, oldest first."""
    rows = InboundMessage.objects.filter(state=states.RECEIVED, received_at__lt=before)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
