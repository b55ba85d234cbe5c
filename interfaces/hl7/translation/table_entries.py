"""Lines of the translation tables: what one may say, written one by one or all at once as CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.catalog.models import Procedure, Site
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import Order
from ris.patients.models import Patient

from ..models import MapEntry, Peer
from .code_tables import drop_unknown_value

COLUMNS = ("table", "given", "meant", "text")
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


MOST_LINES = 20_000


class BadTable(Invalid):
    """A table with rows that cannot be right: each with its line, its column, and the cure."""

    def __init__(self, faults: list[tuple[str, str, str]]) -> None:
        line, column, _ = faults[0]
        sentences = [f"{line}, {column}: {text}" if column else f"{line}: {text}" for line, column, text in faults[:20]]
        more = f" And {len(faults) - 20} more." if len(faults) > 20 else ""
        super().__init__(" ".join(sentences) + more, at=f"{line}, {column}" if column else line)
        self.faults = faults


@transaction.atomic
def import_csv(peer_id: int | None, text: str, *, actor: Actor, at: datetime) -> int:
    """Replace the tables of the peer (None: those of all peers) by what the CSV says; return how many lines.

    Commas or semicolons. All or nothing. Raises NotFound; :class:`BadTable` naming every bad row.
    """
    entries: dict[tuple[str, str], MapEntry] = {}
    faults: list[tuple[str, str, str]] = []
    for line, cells in _rows(text):
        try:
            entry = entry_of(peer_id, cells)
        except Invalid as refusal:
            faults.append((line, refusal.at, refusal.detail))
            continue
        key = entry.table, entry.given.upper()
        if key in entries:
            faults.append((line, "given", "This value is there already; take one of the two lines out."))
        entries[key] = entry
    if faults:
        raise BadTable(faults)
    MapEntry.objects.filter(peer=peer_id).delete()
    MapEntry.objects.bulk_create(entries.values())
    for table, given in entries:
        drop_unknown_value(peer_id, table, given)
    _tell(peer_id, "hl7.import-tables", actor, at, count=len(entries))
    return len(entries)


def _rows(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(``line N``, cells by column). Raises BadTable for a head that names no columns."""
    # Excel writes a byte-order mark and, in many countries, semicolons.
    text = text.lstrip("\ufeff")
    head = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    if not set(COLUMNS[:3]) <= set(_read_head(reader)):
        raise BadTable([("line 1", "", f"The first line names the columns: {', '.join(COLUMNS)}.")])
    for row in _read_rows(reader):
        if reader.line_num > MOST_LINES:
            raise BadTable([(f"line {reader.line_num}", "", f"At most {MOST_LINES:,} lines.")])
        if any(cell for cell in row.values()):
            yield f"line {reader.line_num}", {column: _unsafe((row.get(column) or "").strip()) for column in COLUMNS}


def _read_head(reader: csv.DictReader[str]) -> Sequence[str]:
    try:
        return reader.fieldnames or ()
    except csv.Error as error:
        raise _unreadable(reader, error) from None


def _read_rows(reader: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    """The rows. Raises BadTable for a line that is no CSV, such as one whose cell is too long for the reader."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(reader, error) from None
        yield row


def _unreadable(reader: csv.DictReader[str], error: csv.Error) -> BadTable:
    cure = f"This line cannot be read as CSV ({error}); a cell has at most 199 characters. Mend or take it out."
    return BadTable([(f"line {reader.line_num}", "", cure)])


@transaction.atomic
def set_entry(
    peer_id: int | None, *, table: str, given: str, meant: str, text: str = "", actor: Actor, at: datetime
) -> MapEntry:
    """Write one line; the one with the same table and value gives way. Raises NotFound, Invalid."""
    cells = {"table": table, "given": given.strip(), "meant": meant.strip(), "text": text.strip()}
    entry = entry_of(peer_id, cells)
    MapEntry.objects.filter(peer=peer_id, table=table, given__iexact=entry.given).delete()
    entry.save()
    drop_unknown_value(peer_id, table, entry.given)
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


def _tell(peer_id: int | None, action: str, actor: Actor, at: datetime, **detail: Any) -> None:
    """Let the peers concerned grow a version, which their kept tables are keyed by; and audit."""
    peers = Peer.objects.all() if peer_id is None else Peer.objects.filter(pk=peer_id)
    # Every process keeps the tables by peer and version: a new version is read anew.
    if not peers.update(version=F("version") + 1) and peer_id is not None:
        raise NotFound("There is no such peer.")
    for peer in peers:
        record(actor, action, peer, at=at, **detail)


TABLES = tuple(value for value, _ in MapEntry.TABLES)
RULE_TERMS = ("code", "location", "modality")
_MODALITY = re.compile(r"[A-Z][A-Z0-9]{1,15}")
_PRIORITIES = tuple(value for value, _ in Order.PRIORITIES)
_SEXES = tuple(value for value, _ in Patient.SEXES if value)


def entry_of(peer_id: int | None, cells: dict[str, str]) -> MapEntry:
    """The line, not saved. Raises Invalid at the column that cannot be right."""
    if cells["table"] not in TABLES:
        raise Invalid(f"The table is one of {', '.join(sorted(TABLES))}.", at="table")
    if not cells["given"]:
        raise Invalid("Say which value is meant: the one that is sent.", at="given")
    for column in ("given", "meant", "text"):
        if len(cells[column]) > 199:
            raise Invalid("A value has at most 199 characters; shorten it.", at=column)
    cells = cells | {"meant": _CHECKS[cells["table"]](cells["meant"])}
    if cells["table"] == "station":
        _check_rule(cells["given"])
    return MapEntry(peer_id=peer_id, **cells)


def _procedure(meant: str) -> str:
    if not Procedure.objects.filter(code__iexact=meant).exists():
        raise Invalid(
            f"The catalog has no procedure {meant[:64] or '(empty)'}; add it there, or choose another.", at="meant"
        )
    return meant


def _modality(meant: str) -> str:
    if meant and not _MODALITY.fullmatch(meant.upper()):
        raise Invalid("A modality is 2 to 16 letters or digits, such as CT; empty: the value says nothing.", at="meant")
    return meant.upper()


def _one_of(values: tuple[str, ...]) -> Callable[[str], str]:
    def check(meant: str) -> str:
        if meant and meant.upper() not in values:
            raise Invalid(f"It means one of {', '.join(values)}; empty: the value says nothing.", at="meant")
        return meant.upper()

    return check


def _site(meant: str) -> str:
    if not Site.objects.filter(code=meant.lower()).exists():
        known = ", ".join(Site.objects.order_by("code").values_list("code", flat=True)[:10])
        raise Invalid(f"There is no site of that code: {known or 'none is set up'}.", at="meant")
    return meant.lower()


def _station(meant: str) -> str:
    if not meant or len(meant) > 16 or not meant.isascii():
        raise Invalid("An AE title has 1 to 16 ASCII characters.", at="meant")
    return meant


def _check_rule(given: str) -> None:
    for part in given.split("&"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name.lower() not in RULE_TERMS or not equals or not value:
            raise Invalid("Write the rule as code=…, location=…, modality=…, joined by &.", at="given")


_CHECKS: dict[str, Callable[[str], str]] = {
    "procedure": _procedure,
    "modality": _modality,
    "priority": _one_of(_PRIORITIES),
    "location": lambda meant: meant,
    "sex": _one_of(_SEXES),
    "site": _site,
    "station": _station,
}
