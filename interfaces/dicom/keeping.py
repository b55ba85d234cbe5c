"""What is remembered about callers: their worklist queries, and the associations that were refused.

Queries are written a moment later, many at a time, on a thread of their own: a scanner never waits
for the disk to learn what it may scan. One audit row per device and write says who saw how much;
the kept queries say exactly what was asked.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog
from django.db import Error as DatabaseError
from django.db import connections, transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.locks import lock_name

from .callers import Refused
from .models import MwlQuery, Rejection

log = structlog.get_logger(__name__)

WRITE_EVERY_S = 0.5
MOST_WAITING = 50_000
"""While the database is away; the oldest beyond that are dropped, counted in the log."""
KEPT_DAYS = 14
SAME_REJECTION = timedelta(minutes=1)


class Keeper:
    """Writes kept queries in the background until it is closed."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[MwlQuery] = SimpleQueue()
        self._ended = Event()
        self._thread = Thread(target=self._work, name="dicom-keeper", daemon=True)
        self._thread.start()

    def keep(self, query: MwlQuery) -> None:
        self._waiting.put(query)

    def close(self) -> None:
        """Write what is waiting and stop."""
        self._ended.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        held: list[MwlQuery] = []
        try:
            while not self._ended.wait(WRITE_EVERY_S):
                held = self._write(held + self._drawn())
            self._write(held + self._drawn())
        finally:
            connections.close_all()

    def _drawn(self) -> list[MwlQuery]:
        drawn = []
        try:
            while True:
                drawn.append(self._waiting.get_nowait())
        except Empty:
            return drawn

    def _write(self, queries: list[MwlQuery]) -> list[MwlQuery]:
        """Write them; return those that are still to be written."""
        if not queries:
            return []
        try:
            write_queries(queries)
        except DatabaseError as error:
            log.warning("dicom.queries-wait", error=type(error).__name__, waiting=len(queries))
            connections.close_all()
            return queries[-MOST_WAITING:]
        return []


@transaction.atomic
def write_queries(queries: list[MwlQuery]) -> None:
    """Keep the queries and audit, once per caller, how many were answered with how many lines."""
    MwlQuery.objects.bulk_create(queries, batch_size=200)
    counts: Counter[tuple[str, str]] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], MwlQuery] = {}
    for query in queries:
        caller = query.calling_ae, query.address
        counts[caller] += 1
        rows[caller] += query.rows
        last[caller] = query
    for caller, query in last.items():
        record(Actor.peer(*caller), "worklist.query", query, at=query.at, queries=counts[caller], rows=rows[caller])


@transaction.atomic
def note_rejection(calling: str, called: str, address: str, refused: Refused, *, at: datetime) -> None:
    """Keep and audit a refused association. A caller that hammers is counted, not written again and again."""
    lock_name(f"rejection:{calling}:{called}:{address}:{refused.words}")
    same = Rejection.objects.filter(
        calling_ae=calling[:16],
        called_ae=called[:16],
        address=address,
        reason=refused.words,
        at__gt=at - SAME_REJECTION,
    )
    if same.update(times=F("times") + 1):
        return
    row = Rejection.objects.create(
        at=at, calling_ae=calling[:16], called_ae=called[:16], address=address, reason=refused.words
    )
    record(Actor.peer(calling[:16], address), "association.reject", row, reason=refused.words, at=at)


def forget_old(*, at: datetime, days: int = KEPT_DAYS) -> int:
    """Delete kept queries and rejections older than so many days; return how many."""
    before = at - timedelta(days=days)
    gone, _ = MwlQuery.objects.filter(at__lt=before).delete()
    more, _ = Rejection.objects.filter(at__lt=before).delete()
    return gone + more


def note_rejection_now(calling: str, called: str, address: str, refused: Refused) -> None:
    """:func:`note_rejection`, at this moment."""
    log.info("dicom.rejected", calling=calling, called=called, address=address, reason=refused.words)
    note_rejection(calling, called, address, refused, at=now())
