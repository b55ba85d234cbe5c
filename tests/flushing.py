"""Emptying tables between tests that commit, though some tables only grow.

PostgreSQL's TRUNCATE fires no row triggers. SQLite can only DELETE, so its
append-only triggers are taken off for the moment of the flush.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from reporting.search.engines import FTS, REBUILD


def let_sqlite_flush_append_only_tables() -> None:
    """Wrap the backend's flush; called once, from the root conftest."""
    operations = DatabaseWrapper.ops_class
    flush = operations.execute_sql_flush

    def flush_without_triggers(self: Any, sql_list: list[str]) -> Any:
        connection = connections[self.connection.alias]
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f'DROP TRIGGER "{name}"')
            try:
                return flush(self, sql_list)
            finally:
                for _, sql in triggers:
                    cursor.execute(sql)
                # The search's index was not told that its rows are gone.
                if any(name.startswith(FTS) for name, _ in triggers):
                    cursor.execute(REBUILD)

    operations.execute_sql_flush = flush_without_triggers  # type: ignore[method-assign]
