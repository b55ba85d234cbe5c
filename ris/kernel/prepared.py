"""Reading the same shape of statement over and over, without planning it over and over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakSet

from django.db import connection

_settled: WeakSet[Any] = WeakSet()


def fetch(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a SELECT (or what RETURNING returns), as the driver gives them.

    PostgreSQL plans a join of seven tables longer than it takes to run it, so there the statement is
    prepared on this connection, with one plan for all parameters: use it only for statements whose
    best plan does not depend on the values. SQLite's driver keeps statements by itself.
    """
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
    return _fetch_prepared(sql, params)


def _fetch_prepared(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    import psycopg

    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors:
        if raw not in _settled:
            raw.prepare_threshold = 5  # Django says never; its own statements bind on the client and stay unprepared
            raw.execute("SET plan_cache_mode = force_generic_plan")
            raw.execute("SET jit = off")  # takes longer than the statement
            raw.execute("SET max_parallel_workers_per_gather = 0")  # so does calling workers
            _settled.add(raw)
        with psycopg.Cursor(raw) as cursor:  # binds on the server, as preparing needs
            return cursor.execute(sql, params, prepare=True).fetchall()
