"""Which signed reports other systems have, and which not: for pages, REST and the alarm of critical results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from reporting.models import ReportVersion
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.models import Alarm
from ris.orders.result_delivery import ACCEPTED, SKIPPED, STUCK, WAITING, DeliverySource, ResultDelivery

from .. import states
from ..models import Destination, OutboundMessage
from .triggers import REPORT_TRIGGERS

UNDELIVERED_ALARM = "critical-result-undelivered"
GRACE = timedelta(minutes=2)
"""A report is no undelivered one before that: an exchange and one try after a failure fit into it."""
MOST_ALARMS = 200
"""Critical reports that one look raises alarms of; with more, the destination's own alarm says what is wrong."""

_STATES = {states.SENT: ACCEPTED, states.SKIPPED: SKIPPED, states.STOPPED: STUCK, states.INVALID: STUCK}


def deliveries_of(procedure_ids: Sequence[int]) -> dict[int, list[ResultDelivery]]:
    """For each procedure, its newest message to each destination. Two queries, however many procedures."""
    rows = _of_reports().filter(report_version__report__procedure__in=procedure_ids)
    newest: dict[tuple[int, str], OutboundMessage] = {}
    held: dict[tuple[int, str], OutboundMessage] = {}
    for row in rows.order_by("pk"):
        key = _procedure_id(row), row.destination.name
        newest[key] = row
        if row.state in (states.STOPPED, states.INVALID):
            # The first held message of a lane keeps all that follow.
            held.setdefault(key, row)
    deliveries: dict[int, list[ResultDelivery]] = {}
    for key, row in newest.items():
        deliveries.setdefault(key[0], []).append(_delivery(row, held.get(key)))
    return deliveries


def _of_reports() -> QuerySet[OutboundMessage]:
    rows = OutboundMessage.objects.filter(kind__in=REPORT_TRIGGERS.values()).exclude(report_version=None)
    return rows.select_related("destination", "report_version__report").defer("raw", "answer")


def _procedure_id(row: OutboundMessage) -> int:
    assert row.report_version is not None  # excluded by the query
    return row.report_version.report.procedure_id


def _delivery(row: OutboundMessage, held: OutboundMessage | None) -> ResultDelivery:
    """``held``: an earlier message of the procedure that its lane waits for, which is what a person has to look at."""
    if row.state == states.QUEUED and held is not None:
        return _delivery(held, None)
    return ResultDelivery(
        system=row.destination.name,
        state=_STATES.get(row.state, WAITING),
        at=row.sent_at or row.created_at,
        reason="" if row.state == states.SENT else describe_wait(row),
        attempts=row.attempts,
        message_id=row.pk,
    )


def describe_wait(row: OutboundMessage) -> str:
    """Why a message has not been accepted, in words for a person; empty when it is only on its way."""
    destination = row.destination
    if row.state != states.QUEUED or row.error:
        return row.error
    if destination.paused_at:
        return f"{destination.name} is paused: {destination.paused_reason}"
    if not destination.host:
        return f"{destination.name} has no address yet."
    return destination.last_error


def list_undelivered(site_ids: Sequence[int] | None, *, at: datetime) -> QuerySet[OutboundMessage]:
    """Report messages that wait for longer than the grace time or are stuck, the oldest first (None: of all sites)."""
    late = Q(state__in=(states.STOPPED, states.INVALID)) | Q(state=states.QUEUED, created_at__lt=at - GRACE)
    rows = _of_reports().filter(late)
    if site_ids is not None:
        rows = rows.filter(Q(site__in=site_ids) | Q(site=None))
    return rows.order_by("created_at", "pk")


def count_undelivered(site_ids: Sequence[int], at: datetime) -> int:
    """How many reports that is, however many destinations each waits for."""
    return list_undelivered(site_ids, at=at).values("report_version__report").distinct().count()


SOURCE = DeliverySource(deliveries=deliveries_of, undelivered=count_undelivered)


def watch_critical_results(*, at: datetime) -> int:
    """Raise an alarm for each critical report that waits for longer than its site allows; how many.

    The alarm names the accession number and the system, and is closed when the report was accepted or skipped.
    """
    unfinished = _of_reports().filter(state__in=states.UNFINISHED).select_related("site")
    critical = ReportVersion.objects.exclude(critical_level="").values("report")
    rows = unfinished.filter(report_version__report__in=critical).order_by("pk")[:MOST_ALARMS]
    late = {f"{row.lane} to {row.destination.name}": row for row in rows if _is_late(row, at)}
    for subject, row in late.items():
        detail = f"Message {row.pk}: {describe_wait(row) or 'no answer yet'}"[:250]
        raise_alarm(UNDELIVERED_ALARM, subject, detail=detail, at=at)
    for alarm in Alarm.objects.filter(kind=UNDELIVERED_ALARM, cleared_at=None):
        if alarm.subject not in late:
            clear_alarm(UNDELIVERED_ALARM, alarm.subject, at=at)
    return len(late)


def _is_late(row: OutboundMessage, at: datetime) -> bool:
    minutes = row.site.critical_delivery_minutes if row.site else 0
    return row.created_at + timedelta(minutes=minutes) <= at


def list_signed_lately(author_id: int, *, since: datetime) -> list[ReportVersion]:
    """The versions that somebody released since then, the newest first, at most five."""
    versions = ReportVersion.objects.filter(author=author_id, signed_at__gte=since)
    return list(versions.select_related("report__procedure__order").order_by("-signed_at", "-pk")[:5])


def wants_reports() -> bool:
    """Whether any destination is sent reports at all."""
    wanted = set(REPORT_TRIGGERS.values())
    return any(
        wanted & set(kinds) for kinds in Destination.objects.filter(enabled=True).values_list("kinds", flat=True)
    )
