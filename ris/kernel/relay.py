"""The relay: brings owed deliveries to their subscribers.

Per (subscriber, stream) the oldest goes first and the next waits for it. A
subscriber's effects and the mark "done" are one transaction, so a crash between
them undoes both; those who hear of one record share one. Failures back off; the tenth makes the delivery stuck, which
holds its lane and raises an alarm until a person retries it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import F

from . import doorbell, events
from .alarms import clear_alarm, raise_alarm
from .db.prepared import fetch
from .db.statements import PreparedQuery
from .errors import Conflict, NotFound
from .models import Delivery
from .queue import Backoff
from .states import step

log = structlog.get_logger(__name__)

# With the delays below the tenth attempt comes after nine minutes: longer than a restart of the database or a failover.
MOST_ATTEMPTS = 10
# The first retry after a second ends most lock timeouts; five minutes are what a person waits for a mended cause.
BACKOFF = Backoff(first_s=1, longest_s=300)
STUCK_ALARM = "delivery-stuck"

DELIVER = step("deliver", [Delivery.OWED], Delivery.DONE)
POSTPONE = step("postpone", [Delivery.OWED], Delivery.OWED)
GIVE_UP = step("give up", [Delivery.OWED], Delivery.STUCK)
RETRY = step("retry", [Delivery.STUCK], Delivery.OWED)


def deliver_owed(*, at: datetime, limit: int = 500) -> int:
    """Deliver owed deliveries whose time has come, until ``limit`` is reached; return how many were tried.

    Safe to run any number of times at once: PostgreSQL workers skip each other's records, SQLite
    workers take turns.
    """
    tried = 0
    while tried < limit:
        number = _deliver_record(at, limit - tried)
        if number is None:
            break
        tried += number
    return tried


_HEAD = """
d.state = 'owed' AND (d.due_at <= %s OR d.due_at > %s) AND NOT EXISTS (
 SELECT 1 FROM kernel_delivery e WHERE e.state <> 'done' AND e.subscriber = d.subscriber AND e.stream = d.stream
 AND e.record_id < d.record_id
)
"""
"""Of a delivery: the first unfinished one of its lane, owed and due. Values: now, and now with the longest delay.

What is due later than that was written by a clock that was ahead, and waits no longer.
"""

_RECORD = f"""
SELECT d.record_id FROM kernel_delivery d JOIN kernel_record r ON r.id = d.record_id
WHERE {_HEAD} ORDER BY d.record_id LIMIT 1
"""  # noqa: S608  (pieces of ours)
# Of the record alone, whose row nobody else writes; NO KEY: new deliveries may refer to it meanwhile.
_SKIPPING = " FOR NO KEY UPDATE OF r SKIP LOCKED"
_OF_RECORD = f"SELECT d.id FROM kernel_delivery d WHERE d.record_id = %s AND {_HEAD} ORDER BY d.id"  # noqa: S608

# Which deliveries are these, and of what record?
_DELIVERIES = PreparedQuery(lambda *ids: Delivery.objects.filter(pk__in=ids).order_by("pk"), related=("record",))


def _deliver_record(at: datetime, most: int) -> int | None:
    """Bring the oldest record that is due to all who wait for it and nothing before it; how many. None: there is none.

    One worker has a record at a time, so that its subscribers, who work on the same exam, do not wait for each other.
    """
    latest = at + timedelta(seconds=BACKOFF.longest_s)
    moments = [connection.ops.adapt_datetimefield_value(moment) for moment in (at, latest)]
    skipping = _SKIPPING if connection.features.has_select_for_update_skip_locked else ""
    with transaction.atomic():
        records = fetch(_RECORD + skipping, moments)
        if not records:
            return None
        # Asked for again under the lock: another worker may have brought it meanwhile, which makes it none.
        ids = [pk for (pk,) in fetch(_OF_RECORD, [records[0][0], *moments])[:most]]
        heads = _DELIVERIES.all(*ids) if ids else []
        # Done is written once for all of them: one statement a record, not one a subscriber.
        done = [delivery.pk for delivery in heads if _deliver(delivery, at)]
        if done:
            Delivery.objects.filter(pk__in=done).take_all(DELIVER, attempts=F("attempts") + 1, error="")
    return len(heads)


def _deliver(delivery: Delivery, at: datetime) -> bool:
    try:
        with transaction.atomic():
            record = delivery.record
            events.subscriber(record.kind, delivery.subscriber)(events.revive(record))
    except Exception as error:
        _note_failure(delivery, error, at)
        return False
    return True


def _note_failure(delivery: Delivery, error: Exception, at: datetime) -> None:
    attempts = delivery.attempts + 1
    stuck = attempts >= MOST_ATTEMPTS
    taken = Delivery.objects.filter(pk=delivery.pk).take_all(
        GIVE_UP if stuck else POSTPONE,
        attempts=attempts,
        due_at=at + BACKOFF.delay(attempts),
        error=_describe(error),
    )
    if not taken:  # not owed any more: what failed was done otherwise
        return
    log.warning("delivery.failed", delivery=delivery.pk, attempts=attempts, error=type(error).__name__)
    if stuck:
        raise_alarm(STUCK_ALARM, str(delivery), detail=_describe(error), at=at)


def _describe(error: Exception) -> str:
    """Type and place of the error. Its text may hold patient data, so it stays out."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + place


@transaction.atomic
def retry_stuck(delivery_id: int, *, at: datetime) -> None:
    """Owe a stuck delivery again and close its alarm. Raises NotFound when none of that id is stuck."""
    try:
        delivery = Delivery.objects.take(RETRY, delivery_id, attempts=0, due_at=at)
    except Conflict:  # somebody else retried it first
        raise NotFound("There is no such stuck delivery.") from None
    clear_alarm(STUCK_ALARM, str(delivery), at=at)
    doorbell.ring(doorbell.RELAY)
