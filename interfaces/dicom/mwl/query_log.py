"""The log of worklist queries, and of associations that were rejected or aborted.

Rows are written half a second later, many at a time, on a thread of their own: no scanner waits for the disk, and a
caller that is rejected a hundred times a second delays nobody. One audit row per device and write says how many
queries were answered with how many rows; the logged queries say exactly what was asked. A killed process loses the
last half second of them; while the database is away, the oldest beyond :data:`MAX_WAITING_ROWS` are dropped; an
orderly end writes them all. No answer depends on them.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import perf_counter
from typing import NamedTuple

import structlog
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections, transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.clock import now
from ris.kernel.db.statements import insert, insert_all
from ris.kernel.db.transactions import lock_name

from ..models import MwlQuery, Rejection
from ..upper_layer.admission import Caller
from .query import QueryOutcome

log = structlog.get_logger(__name__)

WRITE_EVERY_S = 0.5
"""One commit for what comes in this time: on SQLite each commit blocks the only writer."""
MAX_WAITING_ROWS = 50_000
"""While the database is away; the oldest beyond that are dropped, counted in the log."""
KEPT_DAYS = 14
SAME_REJECTION = timedelta(minutes=1)
"""Equal rejections within this time are one row with a count."""


class RejectedAssociation(NamedTuple):
    """An association that was rejected, or aborted for a fault of the peer; the titles as far as they are kept."""

    calling_ae: str
    called_ae: str
    address: str
    reason: str
    at: datetime
    aborted: bool = False


LogEntry = MwlQuery | RejectedAssociation


def build_query_row(caller: Caller, identifier: bytes, implicit: bool, outcome: QueryOutcome, begun: float) -> MwlQuery:
    """A query that was answered just now, to be kept. ``begun``: when it was whole, by ``perf_counter``."""
    return MwlQuery(
        at=now(),
        device_id=caller.device_id,
        calling_ae=caller.ae_title[:16],
        address=caller.address,
        identifier=identifier,
        implicit=implicit,
        keys=outcome.keys,
        rows=outcome.rows,
        ms=round((perf_counter() - begun) * 1000, 2),
        status=f"{outcome.status:04X}",
        notes=sorted(outcome.notes),
    )


class QueryLog:
    """Writes log entries on a thread of its own until it is closed."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[LogEntry] = SimpleQueue()
        self._ended = Event()
        self._thread = Thread(target=self._work, name="dicom-keeper", daemon=True)
        self._thread.start()

    def add(self, entry: LogEntry) -> None:
        """Queue a row; the keeper's thread writes it."""
        self._waiting.put(entry)

    def close(self) -> None:
        """Write what is waiting and stop."""
        # The thread writes once more after this, so nothing that was added before is lost.
        self._ended.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        unwritten: list[LogEntry] = []
        try:
            while not self._ended.wait(WRITE_EVERY_S):
                unwritten = self._write(unwritten + self._drawn())
            self._write(unwritten + self._drawn())
        finally:
            connections.close_all()

    def _drawn(self) -> list[LogEntry]:
        entries: list[LogEntry] = []
        try:
            while True:
                entries.append(self._waiting.get_nowait())
        except Empty:
            return entries

    def _write(self, entries: list[LogEntry]) -> list[LogEntry]:
        """Write the entries; return those that are still to be written, because the database is away."""
        if not entries:
            return []
        try:
            write_entries(entries)
        except (OperationalError, InterfaceError) as error:
            log.warning("dicom.queries-wait", error=type(error).__name__, waiting=len(entries))
            connections.close_all()
            return entries[-MAX_WAITING_ROWS:]
        except DatabaseError as error:  # one of them is refused, as of a device that is no more: the others are not
            half = len(entries) // 2
            if half:
                return self._write(entries[:half]) + self._write(entries[half:])
            log.error("dicom.query-not-kept", error=type(error).__name__)
        return []


@transaction.atomic
def write_entries(entries: list[LogEntry]) -> None:
    """Keep and audit queries and rejections."""
    write_queries([entry for entry in entries if isinstance(entry, MwlQuery)])
    write_rejections([entry for entry in entries if isinstance(entry, RejectedAssociation)])


def write_queries(queries: list[MwlQuery]) -> None:
    """Keep the queries and audit, once per caller, how many were answered with how many lines."""
    counts: Counter[tuple[str, str]] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], MwlQuery] = {}
    for query in queries:
        caller = query.calling_ae, query.address
        counts[caller] += 1
        rows[caller] += query.rows
        last[caller] = query
    insert_all([query for query in queries if query is not last[query.calling_ae, query.address]])
    # One audit row for a caller, on its last query of this batch.
    for caller, query in last.items():
        insert(query)  # the audit row tells its key
        record(Actor.peer(*caller), "worklist.query", query, at=query.at, queries=counts[caller], rows=rows[caller])


def write_rejections(refused: list[RejectedAssociation]) -> None:
    """Keep and audit refused associations. A caller that hammers is counted, not written again and again."""
    grouped: dict[tuple[str, str, str, str], list[RejectedAssociation]] = {}
    for rejected in refused:
        grouped.setdefault(rejected[:4], []).append(rejected)
    for _, alike in sorted(grouped.items()):  # who takes several locks takes them in order
        _write_rejection(alike[-1], len(alike))


def _write_rejection(rejected: RejectedAssociation, times: int) -> None:
    calling, called, address, reason, at, aborted = rejected
    lock_name(":".join(["rejection", calling, called, address, reason]))
    alike = Rejection.objects.filter(calling_ae=calling, called_ae=called, address=address, reason=reason)
    if alike.filter(at__gt=at - SAME_REJECTION).update(times=F("times") + times):
        return
    row = Rejection.objects.create(
        calling_ae=calling, called_ae=called, address=address, reason=reason, times=times, at=at
    )
    action = "association.abort" if aborted else "association.reject"
    record(Actor.peer(calling, address), action, row, reason=reason, at=at)


def delete_old(*, at: datetime, days: int = KEPT_DAYS) -> int:
    """Delete kept queries and rejections older than so many days; return how many."""
    before = at - timedelta(days=days)
    gone, _ = MwlQuery.objects.filter(at__lt=before).delete()
    more, _ = Rejection.objects.filter(at__lt=before).delete()
    return gone + more
