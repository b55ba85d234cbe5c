"""The hash chain over the audit trail: each link seals the events since the link before it.

Events are appended by the statement that the change itself costs; the chain is made by a job a minute later, so that
nobody waits for it. Until then an event is protected by the database's refusal to change it, and by nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from ris.kernel.db.transactions import lock_name

from .models import AuditEvent, AuditSeal

log = structlog.get_logger(__name__)

FIRST = "0" * 64
"""What the first link has in the place of the head before it."""
MOST_EVENTS = 20_000
"""Of one link: they are all in memory while it is made."""
LATE = timedelta(hours=1)
"""A row that an earlier link missed is taken in for so long. No transaction of ours takes a minute."""
SHORT = 100
"""Ids of a range that are looked up one by one."""
COLUMNS = (
    "pk", "at", "user_id", "acting_for_id", "actor", "source", "action", "subject", "subject_id", "patient_id",
    "reason", "purpose", "detail",
)  # fmt: skip


def canonical(row: Sequence[Any]) -> bytes:
    """The bytes of one event that are hashed: a JSON list (RFC 8259, UTF-8) of :data:`COLUMNS`, and a line feed.

    The time is UTC with microseconds. The same event gives the same bytes on either database.
    """
    pk, at, *others = row
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text = json.dumps([pk, moment, *others], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def digest_of(rows: Iterable[bytes]) -> str:
    """SHA-256, hexadecimal, of canonical events in their order: late ones first, each group by id."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(row)
    return digest.hexdigest()


def head_of(seal: AuditSeal) -> str:
    """What the link's ``head`` must be."""
    moment = seal.sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    parts = [seal.number, moment, seal.first_id, seal.last_id, seal.count, seal.missing, seal.late]
    text = json.dumps([*parts, seal.digest, seal.previous], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def querysets_of(seal: AuditSeal) -> tuple[QuerySet[AuditEvent], QuerySet[AuditEvent]]:
    """The events under a link, in the order in which they were hashed: late ones, then all others, each by id."""
    others = AuditEvent.objects.filter(pk__gte=seal.first_id, pk__lte=seal.last_id)
    for first, last in seal.missing:
        others = others.exclude(pk__range=(first, last))
    return AuditEvent.objects.filter(pk__in=seal.late).order_by("pk"), others.order_by("pk")


def seal_trail(*, at: datetime) -> list[AuditSeal]:
    """Seal all events that no link has yet; return the new links. Any number of workers may call it at once."""
    seals = []
    while (seal := _seal_next(at)) is not None:
        seals.append(seal)
        _anchor(seal)
    return seals


@transaction.atomic
def _seal_next(at: datetime) -> AuditSeal | None:
    lock_name("audit-seal")
    last = AuditSeal.objects.order_by("-number").first()
    last_id = last.last_id if last else 0
    late = list(_late_events(at).order_by("pk").values_list(*COLUMNS))
    rows = list(AuditEvent.objects.filter(pk__gt=last_id).order_by("pk").values_list(*COLUMNS)[:MOST_EVENTS])
    if not rows and not late:
        return None
    ids = [row[0] for row in rows]
    seal = AuditSeal(
        number=last.number + 1 if last else 1,
        sealed_at=at,
        first_id=last_id + 1,
        last_id=ids[-1] if ids else last_id,
        count=len(rows) + len(late),
        missing=list(_gaps([last_id, *ids])),
        late=[row[0] for row in late],
        digest=digest_of(map(canonical, [*late, *rows])),
        previous=last.head if last else FIRST,
    )
    seal.head = head_of(seal)
    seal.save(force_insert=True)
    return seal


def _gaps(ids: Sequence[int]) -> Iterable[list[int]]:
    """Ranges of ids between those given; PostgreSQL takes an id for a transaction that is rolled back, too."""
    return ([one + 1, two - 1] for one, two in pairwise(ids) if two > one + 1)


def _late_events(at: datetime) -> QuerySet[AuditEvent]:
    """Events that have an id which a recent link found missing, and which no link since has taken in."""
    recent = list(AuditSeal.objects.filter(sealed_at__gte=at - LATE).values_list("missing", "late"))
    ranges = [(first, last) for missing, _ in recent for first, last in missing]
    # Most ranges are one id of a transaction that was rolled back: one list of ids costs less than many ranges.
    ids = {pk for first, last in ranges if last - first < SHORT for pk in range(first, last + 1)}
    ids -= {pk for _, late in recent for pk in late}
    wanted = Q(pk__in=ids)
    for first, last in ranges:
        if last - first >= SHORT:
            wanted |= Q(pk__range=(first, last))
    return AuditEvent.objects.filter(wanted).exclude(pk__in={pk for _, late in recent for pk in late})


def heads_file() -> Path:
    """Where heads are written beside the database: RIS_AUDIT_HEADS, else ``audit-heads.log`` in the data folder."""
    return Path(settings.RIS.audit_heads)


def set_heads_aside(*, at: datetime) -> None:
    """Rename the file of heads before a restore: links that came after the backup will not be in the trail."""
    file = heads_file()
    if file.exists():
        file.rename(file.with_name(f"{file.name}.{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"))


def anchor_line(seal: AuditSeal) -> str:
    """``2026-03-10T12:00:00Z NUMBER LAST-ID HEAD`` and a line feed."""
    return f"{seal.sealed_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {seal.number} {seal.last_id} {seal.head}\n"


def _anchor(seal: AuditSeal) -> None:
    """Tell the head to the log and to a file: who rewrites the database's chain does not reach what left it."""
    log.info("audit.sealed", seal=seal.number, last_id=seal.last_id, head=seal.head)
    try:
        with heads_file().open("a", encoding="ascii") as file:
            file.write(anchor_line(seal))
    except OSError as error:  # the chain goes on; the log has the head
        log.error("audit.head-not-written", error=type(error).__name__)
