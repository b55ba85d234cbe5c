"""The relay: brings owed deliveries to their subscribers.

Per (subscriber, stream) the oldest goes first and the next waits for it. The
subscriber's effects and the mark "done" are one transaction, so a crash between
them undoes both. Failures back off; the tenth makes the delivery stuck, which
holds its lane and raises an alarm until a person retries it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from . import doorbell, events
from .alarms import clear_alarm, raise_alarm
from .errors import NotFound
from .models import Delivery

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 10
STUCK_ALARM = "delivery-stuck"


def deliver_owed(*, at: datetime, limit: int = 500) -> int:
    """Deliver up to ``limit`` owed deliveries whose time has come; return how many were tried.

    Safe to run any number of times at once: PostgreSQL workers skip each other's rows, SQLite
    workers take turns.
    """
    tried = 0
    while tried < limit and _deliver_next(at):
        tried += 1
    return tried


def _heads(at: datetime) -> QuerySet[Delivery]:
    """The first unfinished delivery of each lane, where it is owed and due."""
    earlier = Delivery.objects.exclude(state=Delivery.DONE).filter(
        subscriber=OuterRef("subscriber"), stream=OuterRef("stream"), record__lt=OuterRef("record")
    )
    return Delivery.objects.filter(state=Delivery.OWED, due_at__lte=at).exclude(Exists(earlier)).order_by("record")


def _deliver_next(at: datetime) -> bool:
    with transaction.atomic():
        heads = _heads(at)
        if connection.features.has_select_for_update_skip_locked:
            heads = heads.select_for_update(skip_locked=True, of=("self",))
        delivery = heads.select_related("record").first()
        if delivery is None:
            return False
        try:
            with transaction.atomic():
                record = delivery.record
                events.subscriber(record.kind, delivery.subscriber)(events.revive(record))
        except Exception as error:
            _note_failure(delivery, error, at)
        else:
            Delivery.objects.filter(pk=delivery.pk).update(
                state=Delivery.DONE, attempts=delivery.attempts + 1, error=""
            )
    return True


def _note_failure(delivery: Delivery, error: Exception, at: datetime) -> None:
    attempts = delivery.attempts + 1
    stuck = attempts >= MOST_ATTEMPTS
    Delivery.objects.filter(pk=delivery.pk).update(
        attempts=attempts,
        state=Delivery.STUCK if stuck else Delivery.OWED,
        due_at=at + timedelta(seconds=min(2 ** (attempts - 1), 300)),
        error=_describe(error),
    )
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
    delivery = Delivery.objects.filter(pk=delivery_id, state=Delivery.STUCK).first()
    if delivery is None:
        raise NotFound("There is no such stuck delivery.")
    Delivery.objects.filter(pk=delivery_id).update(state=Delivery.OWED, attempts=0, due_at=at)
    clear_alarm(STUCK_ALARM, str(delivery), at=at)
    doorbell.ring(doorbell.RELAY)
