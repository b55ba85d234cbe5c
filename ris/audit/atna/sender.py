"""Sends the sealed trail to the syslog collector, in its order; the trail itself is the buffer while that is away.

Syslog has no acknowledgment. What a collector has, is known from how the connection ends: we say that we are done
(TLS close_notify) and wait until the other side closes, which it does after it has read all of it; a connection that is
reset or times out counts for nothing. Then all since the last good end is sent again: at least once, never not at all.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.queue import Backoff, Lease, is_quarantined, start_clock
from ris.kernel.tls import build_client_context

from ..chain import querysets_of
from ..models import AuditEvent, AuditSeal, Collector
from .messages import frame

ALARM = "audit-collector"
BACKOFF = Backoff(first_s=10, longest_s=300)
LEASE = timedelta(minutes=5)
TIMEOUT_S = 30.0
SEALS_AT_ONCE = 20
"""Of one connection: what is sent again after a bad end."""


def send_sealed(*, at: datetime) -> int:
    """Send what the collector (RIS_SYSLOG) has not; return how many events. Nothing without one, or in quarantine."""
    address = settings.RIS.syslog
    if address is None or is_quarantined():
        return 0
    row, _ = Collector.objects.get_or_create(name=str(address)[:80])
    lease = Lease(Collector, row.pk, start_clock(at))
    if not BACKOFF.is_due(row.retry_at, at) or not lease.take(LEASE):
        return 0
    sent = 0
    try:
        row.refresh_from_db()
        while seals := list(_next_seals(row.sealed)):
            _send(address, (line for seal in seals for line in _lines_of(seal)))
            row.sealed = seals[-1].number
            if not lease.renew(LEASE, sealed=row.sealed, failures=0, retry_at=None, last_error=""):
                break
            sent += sum(seal.count for seal in seals)
        clear_alarm(ALARM, row.name, at=at)
    except (OSError, ValueError) as error:
        _note_failure(row, type(error).__name__, at)
    finally:
        lease.release()
    return sent


def _note_failure(row: Collector, error: str, at: datetime) -> None:
    row.failures += 1
    retry_at = at + BACKOFF.delay(row.failures)
    Collector.objects.filter(pk=row.pk).update(failures=row.failures, retry_at=retry_at, last_error=error)
    detail = f"The audit collector does not take what it is sent ({error}). All is kept and sent once it does."
    raise_alarm(ALARM, row.name, detail=detail, at=at)


def _next_seals(after: int) -> Iterable[AuditSeal]:
    return AuditSeal.objects.filter(number__gt=after).order_by("number")[:SEALS_AT_ONCE]


def _lines_of(seal: AuditSeal) -> Iterator[bytes]:
    """The events under a seal; those that were archived and removed meanwhile are not there any more."""
    host, source_id = socket.gethostname(), settings.RIS.ae_title
    for events in querysets_of(seal):
        rows = events.select_related("acting_for", "patient").prefetch_related("patient__identifiers")
        for event in rows:
            yield frame(event, host=host, source_id=source_id, numbers=_numbers_of(event))


def _numbers_of(event: AuditEvent) -> list[str]:
    """The patient's numbers as CX: ``value^^^authority``."""
    if event.patient is None:
        return []
    return [f"{row.value}^^^{row.authority}" for row in event.patient.identifiers.all()]


def _send(address: tuple[str, int], lines: Iterable[bytes]) -> None:
    """Send all, and wait until the other side has read all. Raises OSError."""
    files = settings.RIS.syslog_tls
    context = build_client_context(files.ca, files.cert, files.key)
    with (
        socket.create_connection(address, timeout=TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as secure,
    ):
        for line in lines:
            secure.sendall(line)
        _finish(secure)


def _finish(secure: ssl.SSLSocket) -> None:
    """Say that we are done, and wait for the other side's close. A reset raises OSError."""
    try:
        secure.unwrap()
    except ssl.SSLEOFError:
        pass  # it closed without a close_notify of its own, as many do; a reset would have been an error
    except ssl.SSLError as error:
        if error.reason not in ("APPLICATION_DATA_AFTER_CLOSE_NOTIFY", "UNEXPECTED_EOF_WHILE_READING"):
            raise
