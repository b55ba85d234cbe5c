"""Whether the audit trail is what was sealed: every link is read again, and every event under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.health import note_beat, silence

from .chain import COLUMNS, FIRST, canonical, digest_of, head_of
from .models import AuditEvent, AuditSeal

CHAIN_ALARM = "audit-chain"
TRAIL = "audit trail"
VERIFIED = "audit-verified"
"""The heartbeat of the last check that found nothing."""
VERIFY_EVERY = timedelta(hours=23)
UNSEALED = timedelta(minutes=15)
"""An event that is older and has no link: nobody seals."""
MOST_FINDINGS = 20


@dataclass(slots=True)
class Verdict:
    """What a check found. ``findings`` is empty when all is as it was sealed; each names links and ids only."""

    seals: int = 0
    events: int = 0
    archived: int = 0
    unsealed: int = 0
    head: str = FIRST
    findings: list[str] = field(default_factory=list)


def archived_seals() -> int:
    """The number of the last link whose events were archived and removed; 0 for none."""
    archives = AuditEvent.objects.filter(subject="AuditSeal", action="audit.archive").order_by("-pk")
    return max((int(detail["removed_to"]) for detail in archives.values_list("detail", flat=True)), default=0)


def verify_trail(*, at: datetime, heads: Path | None = None) -> Verdict:
    """Check links, events, and that none was added behind a link; with ``heads``, what was anchored in that file."""
    verdict = Verdict()
    known = _read_heads(heads) if heads and heads.exists() else {}
    for finding in _faults(verdict, known, at):
        verdict.findings.append(finding)
        if len(verdict.findings) >= MOST_FINDINGS:
            break
    return verdict


def _faults(verdict: Verdict, known: dict[int, str], at: datetime) -> Iterator[str]:
    removed_to = archived_seals()
    stream = _Stream(removed_to)
    number = 0
    for seal in AuditSeal.objects.order_by("number").iterator():
        number += 1
        if seal.number != number:
            yield f"seal {number} is not there (the next is {seal.number})"
            number = seal.number
        if seal.previous != verdict.head:
            yield f"seal {seal.number} does not follow the one before it"
        if head_of(seal) != seal.head:
            yield f"seal {seal.number} is not what it was"
        if known.pop(seal.number, seal.head) != seal.head:
            yield f"seal {seal.number} is another one than its head that was written down outside"
        verdict.head, verdict.seals = seal.head, number
        if seal.number <= removed_to:
            verdict.archived += seal.count
            continue
        yield from stream.faults_of(seal)
        verdict.events += seal.count
    yield from (f"seal {lost} was written down outside and is not in the trail" for lost in sorted(known)[:3])
    yield from stream.faults_behind()
    verdict.unsealed, late = stream.rest(at)
    if late:
        yield f"{late} events are older than {UNSEALED.seconds // 60} minutes and not sealed"


class _Stream:
    """The events in the order of their ids, read once, handed out link by link."""

    def __init__(self, removed_to: int) -> None:
        kept = AuditSeal.objects.filter(number__gt=removed_to)
        self._late = {pk for late in kept.exclude(late=[]).values_list("late", flat=True) for pk in late}
        self._kept: dict[int, bytes] = {}
        self._stray: list[int] = []
        self._rows = AuditEvent.objects.order_by("pk").values_list(*COLUMNS).iterator(chunk_size=2000)
        self._next: Any = next(self._rows, None)

    def faults_of(self, seal: AuditSeal) -> Iterator[str]:
        """What is wrong with the events under this link."""
        rows = []
        missing = iter([*seal.missing, [seal.last_id + 1, seal.last_id + 1]])
        gap = next(missing)
        while self._next is not None and self._next[0] <= seal.last_id:
            row, self._next = self._next, next(self._rows, None)
            while gap[1] < row[0]:
                gap = next(missing)
            if row[0] in self._late:
                self._kept[row[0]] = canonical(row)
            elif gap[0] <= row[0]:
                self._stray.append(row[0])
            else:
                rows.append(canonical(row))
        late = [self._kept.pop(pk, b"") for pk in seal.late]
        where = f"seal {seal.number} of {seal.sealed_at:%Y-%m-%d %H:%M} UTC (events {seal.first_id} to {seal.last_id})"
        if len(rows) + len(late) != seal.count:
            yield f"{where}: {len(rows) + len(late)} events are there, {seal.count} were sealed"
        elif digest_of([*late, *rows]) != seal.digest:
            yield f"{where}: the events are not what was sealed"

    def faults_behind(self) -> Iterator[str]:
        """Events that have an id which was sealed as missing, and that no later link took in."""
        if self._stray:
            yield f"{len(self._stray)} events were added behind a seal, the first is {self._stray[0]}"

    def rest(self, at: datetime) -> tuple[int, int]:
        """How many events no link has yet, and how many of them have waited for too long."""
        number = late = 0
        while self._next is not None:
            number, late = number + 1, late + (self._next[1] < at - UNSEALED)
            self._next = next(self._rows, None)
        return number, late


def _read_heads(file: Path) -> dict[int, str]:
    """Number of a link → its head, of a file as :func:`ris.audit.chain.anchor_line` writes it."""
    lines = (line.split() for line in file.read_text(encoding="ascii", errors="replace").splitlines())
    return {int(parts[1]): parts[3] for parts in lines if len(parts) == 4 and parts[1].isdecimal()}


def verify_nightly(heads: Path, *, at: datetime) -> Verdict | None:
    """Check the trail if it was not checked for a day; raise the alarm ``audit-chain``, or clear it."""
    quiet = silence(VERIFIED, at=at)
    if quiet is not None and timedelta(0) <= quiet < VERIFY_EVERY:
        return None
    verdict = verify_trail(at=at, heads=heads)
    if verdict.findings:
        raise_alarm(CHAIN_ALARM, TRAIL, detail="; ".join(verdict.findings)[:1000], at=at)
    else:
        clear_alarm(CHAIN_ALARM, TRAIL, at=at)
        note_beat(VERIFIED, at=at)
    return verdict
