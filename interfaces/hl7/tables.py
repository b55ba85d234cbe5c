"""The translation tables of a peer as data: written on a screen, or as CSV."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import Invalid, NotFound

from .models import MapEntry, Peer

COLUMNS = ("table", "given", "meant", "text")
TABLES = frozenset(value for value, _ in MapEntry.TABLES)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_csv(peer_id: int | None) -> str:
    """The tables of the peer (None: those of all peers) as CSV. Cells that a spreadsheet would run are quoted."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for entry in MapEntry.objects.filter(peer=peer_id).order_by("table", "given"):
        rows.writerow([_safe(getattr(entry, column)) for column in COLUMNS])
    return out.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _unsafe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


@transaction.atomic
def import_csv(peer_id: int | None, text: str, *, actor: Actor, at: datetime) -> int:
    """Replace the tables of the peer (None: those of all peers) by what the CSV says; return how many lines.

    All or nothing. Raises NotFound; Invalid at ``line N`` for an unknown table, an empty or doubled value.
    """
    entries: dict[tuple[str, str], MapEntry] = {}
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    if not set(COLUMNS[:3]) <= set(reader.fieldnames or ()):
        raise Invalid(f"The first line names the columns: {', '.join(COLUMNS)}.", at="line 1")
    for number, row in enumerate(reader, start=2):
        cells = {column: _unsafe((row.get(column) or "").strip()) for column in COLUMNS}
        entry = _entry(peer_id, cells, f"line {number}")
        key = entry.table, entry.given.upper()
        if key in entries:
            raise Invalid("This value is there already.", at=f"line {number}")
        entries[key] = entry
    MapEntry.objects.filter(peer=peer_id).delete()
    MapEntry.objects.bulk_create(entries.values())
    _tell(peer_id, "hl7.import-tables", actor, at, count=len(entries))
    return len(entries)


@transaction.atomic
def set_entry(
    peer_id: int | None, *, table: str, given: str, meant: str, text: str = "", actor: Actor, at: datetime
) -> MapEntry:
    """Write one line; the one with the same table and value gives way. Raises NotFound, Invalid."""
    entry = _entry(peer_id, {"table": table, "given": given.strip(), "meant": meant.strip(), "text": text.strip()}, "")
    MapEntry.objects.filter(peer=peer_id, table=table, given__iexact=entry.given).delete()
    entry.save()
    _tell(peer_id, "hl7.set-entry", actor, at, table=table)
    return entry


@transaction.atomic
def drop_entry(entry_id: int, *, actor: Actor, at: datetime) -> None:
    """Take one line out. Raises NotFound."""
    entry = MapEntry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise NotFound("There is no such line.")
    peer_id, table = entry.peer_id, entry.table
    entry.delete()
    _tell(peer_id, "hl7.drop-entry", actor, at, table=table)


def _entry(peer_id: int | None, cells: dict[str, str], at: str) -> MapEntry:
    if cells["table"] not in TABLES:
        raise Invalid(f"The table is one of {', '.join(sorted(TABLES))}.", at=at or "table")
    if not cells["given"]:
        raise Invalid("Say which value is meant.", at=at or "given")
    if any(len(cell) > 199 for cell in cells.values()):
        raise Invalid("A value has at most 199 characters.", at=at)
    return MapEntry(peer_id=peer_id, **cells)


def _tell(peer_id: int | None, action: str, actor: Actor, at: datetime, **detail: Any) -> None:
    """Let the peers concerned grow a version, which their kept tables are keyed by; and audit."""
    peers = Peer.objects.all() if peer_id is None else Peer.objects.filter(pk=peer_id)
    if not peers.update(version=F("version") + 1) and peer_id is not None:
        raise NotFound("There is no such peer.")
    for peer in peers:
        record(actor, action, peer, at=at, **detail)
