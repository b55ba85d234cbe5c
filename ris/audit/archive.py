"""A year of the trail as one file (NDJSON), which is checked without the database; the chain goes on over the gap.

The first line is a JSON object that says what the file is. Each seal follows as an object, and after it its events as
they were hashed (``ris.audit.chain.canonical``). A signature over the file is made by ``ris.operations.sealing``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ris.kernel.db.append_only import unguarded
from ris.kernel.errors import Invalid

from .chain import COLUMNS, canonical, digest_of, head_of, querysets_of
from .models import AuditEvent, AuditSeal
from .services import Actor, record
from .verification import archived_seals

FORMAT = 1
_SEAL = ("number", "first_id", "last_id", "count", "missing", "late", "digest", "previous", "head")


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds: seals ``first`` to ``last`` (numbers), how many events, and the SHA-256 of the file."""

    year: int
    first: int
    last: int
    events: int
    sha256: str


def write_archive(year: int, file: Path, *, at: datetime) -> Archive:
    """Write the events that were sealed up to the end of the year (UTC) and are not archived and removed yet.

    Raises Invalid for a year that is not over, or of which nothing is there; FileExistsError.
    """
    if year >= at.astimezone(UTC).year:
        raise Invalid("The year is not over: archive an earlier one.", at="year")
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    seals = AuditSeal.objects.filter(number__gt=archived_seals(), sealed_at__lt=end).order_by("number")
    first, last = seals.first(), seals.last()
    if first is None or last is None:
        raise Invalid("Nothing of that year is in the trail.", at="year")
    digest, events = hashlib.sha256(), 0
    head = {"format": FORMAT, "year": year, "first_seal": first.number, "last_seal": last.number, "columns": COLUMNS}
    with file.open("xb") as target:
        file.chmod(0o600)
        line = json.dumps(head).encode() + b"\n"
        target.write(line)
        digest.update(line)
        for seal in seals.iterator():
            for line in (_seal_line(seal), *_events_of(seal)):
                target.write(line)
                digest.update(line)
            events += seal.count
    return Archive(year, first.number, last.number, events, digest.hexdigest())


def remove_archived(archive: Archive, *, actor: Actor, at: datetime) -> int:
    """Delete the events of an archive from the database, and audit it; return how many. Only the owner can."""
    last = AuditSeal.objects.get(number=archive.last)
    later = AuditSeal.objects.filter(number__gt=archive.last).exclude(late=[]).values_list("late", flat=True)
    kept = {pk for late in later for pk in late}
    with unguarded("audit_auditevent"):
        events: Any = AuditEvent.objects.filter(pk__lte=last.last_id).exclude(pk__in=kept)
        removed: int = events._raw_delete("default")
        record(actor, "audit.archive", last, at=at, removed_to=archive.last, removed=removed, **asdict(archive))
    return removed


def check_archive(file: Path) -> tuple[Archive, list[str]]:
    """Read an archive again: what it holds, and what is wrong with it (links, events, the chain that it belongs to)."""
    digest, findings, previous, events = hashlib.sha256(), [], "", 0
    with file.open("rb") as source:
        line = source.readline()
        digest.update(line)
        head = json.loads(line)
        number = head["first_seal"] - 1
        for line, rows in _blocks(source):
            number += 1
            for part in (line, *rows):
                digest.update(part)
            seal = _seal_of(json.loads(line)["seal"])
            events += len(rows)
            if (seal.number, seal.previous) != (number, previous or seal.previous) or head_of(seal) != seal.head:
                findings.append(f"seal {number} is not what it was")
            elif len(rows) != seal.count or digest_of(rows) != seal.digest:
                findings.append(f"seal {number}: the events are not what was sealed")
            previous = seal.head
    if number != head["last_seal"]:
        findings.append(f"the file ends with seal {number}, and should with {head['last_seal']}")
    if not AuditSeal.objects.filter(number=number, head=previous).exists():
        findings.append(f"the chain of this database does not go on from seal {number} of the file")
    return Archive(head["year"], head["first_seal"], number, events, digest.hexdigest()), findings


def _events_of(seal: AuditSeal) -> Iterator[bytes]:
    for events in querysets_of(seal):
        yield from map(canonical, events.values_list(*COLUMNS))


def _seal_line(seal: AuditSeal) -> bytes:
    said = {name: getattr(seal, name) for name in _SEAL}
    moment = seal.sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps({"seal": {**said, "sealed_at": moment}}).encode() + b"\n"


def _seal_of(said: dict[str, Any]) -> AuditSeal:
    return AuditSeal(**{**said, "sealed_at": datetime.fromisoformat(said["sealed_at"])})


def _blocks(source: Any) -> Iterator[tuple[bytes, list[bytes]]]:
    """Each seal's line with the lines of its events."""
    seal, rows = b"", list[bytes]()
    for line in source:
        if line.startswith(b"{"):
            if seal:
                yield seal, rows
            seal, rows = line, []
        else:
            rows.append(line)
    if seal:
        yield seal, rows
