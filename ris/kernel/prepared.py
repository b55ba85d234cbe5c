"""Reading the same shape of statement over and over, without planning it over and over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection

_settled: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Connections that are set up, and the era of the database that each is connected to."""


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


def era() -> str:
    """Since when this database server runs; "" for SQLite.

    What a transaction wrote is known by its number, and numbers are given once only, but for a server whose files
    were put back to an earlier state. That takes a restart, so numbers are comparable within one era.
    """
    if connection.vendor != "postgresql":
        return ""
    with connection.wrap_database_errors:
        return _settle()[1]


def _settle() -> tuple[Any, str]:
    """The connection, set up, and its era."""
    connection.ensure_connection()
    raw = connection.connection
    found = _settled.get(raw)
    if found is None:
        raw.prepare_threshold = 5  # Django says never; its own statements bind on the client and stay unprepared
        raw.execute("SET plan_cache_mode = force_generic_plan")
        raw.execute("SET jit = off")  # takes longer than the statement
        raw.execute("SET max_parallel_workers_per_gather = 0")  # so does calling workers
        found = _settled[raw] = str(raw.execute("SELECT pg_postmaster_start_time()").fetchone()[0])
    return raw, found


def _fetch_prepared(sql: str, params: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    import psycopg

    with connection.wrap_database_errors:
        raw, _ = _settle()
        with psycopg.Cursor(raw) as cursor:  # binds on the server, as preparing needs
            return cursor.execute(sql, params, prepare=True).fetchall()
