"""Stamps: a word that is another one after every change of some tables, so that caches can be keyed by it.

The word is written by the database itself, in the transaction of the change, whoever writes. Who reads the word
and then the tables can keep what they made of them under that word. Changes of one stamp wait for each other's
commit, so it is for tables that people edit.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.backends.base.base import BaseDatabaseWrapper

Tables = Mapping[str, tuple[str, ...]]
"""Table → the columns whose change counts; none: all."""

EVENTS = ("insert", "update", "delete")

_FUNCTION = """
CREATE OR REPLACE FUNCTION stamp_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
 EXECUTE format(
  'INSERT INTO %I (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value', TG_ARGV[0]
 ) USING TG_ARGV[1], gen_random_uuid()::text;
 RETURN NULL;
END $$
"""
_POSTGRES = (
    "CREATE TRIGGER {trigger} AFTER {event} ON {table} FOR EACH {each}"
    " EXECUTE FUNCTION stamp_change('{kept_in}', '{stamp}')"
)
_SQLITE = (
    "CREATE TRIGGER {trigger} AFTER {event} ON {table} {when} BEGIN"
    " INSERT INTO {kept_in} (name, value) VALUES ('{stamp}', hex(randomblob(16)))"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value; END"
)


def keep_stamped(connection: BaseDatabaseWrapper, kept_in: str, stamps: Mapping[str, Tables]) -> int:
    """Make the triggers that are missing; how many. ``kept_in``: the table of (name, value) for the words.

    To be called after migrations: SQLite makes a table that is altered anew, and its triggers go with the old one.
    """
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        if kept_in not in tables:
            return 0
        postgres = connection.vendor == "postgresql"
        names = "SELECT tgname FROM pg_trigger" if postgres else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        cursor.execute(names)
        there = {name for (name,) in cursor.fetchall()}
        wanted = {
            f"{table}_{stamp}_{event}": _statement(
                f"{table}_{stamp}_{event}", table, event, columns, kept_in, stamp, postgres
            )
            for stamp, stamped in stamps.items()
            for table, columns in stamped.items()
            for event in EVENTS
            if table in tables
        }
        missing = [text for name, text in wanted.items() if name not in there]
        if missing and postgres:
            cursor.execute(_FUNCTION)
        for text in missing:
            cursor.execute(text)
    return len(missing)


def _statement(
    trigger: str, table: str, event: str, columns: tuple[str, ...], kept_in: str, stamp: str, postgres: bool
) -> str:
    differs = "IS DISTINCT FROM" if postgres else "IS NOT"
    changed = " OR ".join(f"OLD.{column} {differs} NEW.{column}" for column in columns) if event == "update" else ""
    parts = {"trigger": trigger, "event": event.upper(), "table": table, "kept_in": kept_in, "stamp": stamp}
    if postgres:
        return _POSTGRES.format(each=f"ROW WHEN ({changed})" if changed else "STATEMENT", **parts)
    return _SQLITE.format(when=f"WHEN {changed}" if changed else "", **parts)
