"""Intervals of one thing that must not overlap, held by the database itself, whoever writes and however many race.

PostgreSQL: an exclusion constraint. SQLite: triggers, which its one writer at a time makes as good. Either refuses
with ``django.db.IntegrityError``. A row whose end is NULL takes nothing. Intervals are half open: the next may begin
when this one ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class Exclusion:
    """In ``table``, rows of the same ``key`` (a foreign key) share no moment from ``start`` until ``end``."""

    table: str
    key: str
    start: str
    end: str

    @property
    def name(self) -> str:
        """Of the constraint; the triggers' names begin with it."""
        return f"{self.table}_no_overlap"


# int8range, since only ranges have GiST operators without the extension btree_gist, which not every site may install.
_POSTGRES = (
    "ALTER TABLE {table} ADD CONSTRAINT {name} EXCLUDE USING gist"
    " (int8range({key}, {key}, '[]') WITH &&, tstzrange({start}, {end}) WITH &&) WHERE ({end} IS NOT NULL)"
)
_SQLITE = (
    "CREATE TRIGGER {name}_{event} AFTER {event} {columns} ON {table} WHEN NEW.{end} IS NOT NULL BEGIN"
    " SELECT RAISE(ABORT, '{name}') WHERE EXISTS (SELECT 1 FROM {table} AS other WHERE other.{key} = NEW.{key}"
    " AND other.{start} < NEW.{end} AND other.{end} > NEW.{start} AND other.id <> NEW.id); END"
)


def keep_exclusive(connection: BaseDatabaseWrapper, *exclusions: Exclusion) -> int:
    """Make the constraints that are missing; how many.

    To be called after migrations: SQLite makes a table that is altered anew, and its triggers go with the old one.
    """
    made = 0
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        postgres = connection.vendor == "postgresql"
        cursor.execute(
            "SELECT conname FROM pg_constraint" if postgres else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
        there = {name for (name,) in cursor.fetchall()}
        for exclusion in exclusions:
            if exclusion.table not in tables:
                continue
            for name, statement in _statements(exclusion, postgres).items():
                if name not in there:
                    cursor.execute(statement)
                    made += 1
    return made


def _statements(exclusion: Exclusion, postgres: bool) -> dict[str, str]:
    parts = {"table": exclusion.table, "key": exclusion.key, "start": exclusion.start, "end": exclusion.end}
    name = exclusion.name
    if postgres:
        return {name: _POSTGRES.format(name=name, **parts)}
    columns = f"OF {exclusion.key}, {exclusion.start}, {exclusion.end}"
    return {
        f"{name}_INSERT": _SQLITE.format(name=name, event="INSERT", columns="", **parts),
        f"{name}_UPDATE": _SQLITE.format(name=name, event="UPDATE", columns=columns, **parts),
    }
