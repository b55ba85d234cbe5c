"""Running the same statement over and over, without parsing and planning it over and over.

PostgreSQL takes longer to parse and plan a statement of these sizes than to run it, so there it is prepared
on its connection. SQLite's driver keeps statements by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connections, transaction

Params = Sequence[Any] | Mapping[str, Any]
Answer = Callable[[Any], Any]

MOST_KEPT = 1000
"""Statements that one connection keeps; a NULL among the values makes another one of it."""


@dataclass(slots=True)
class _Session:
    """What is known of a server's session: since when the server runs, and whether it plans once for all values."""

    era: str
    one_plan: bool = False


_sessions: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()


def fetch(sql: str, params: Params) -> list[tuple[Any, ...]]:
    """The rows of a SELECT (or what RETURNING returns), as the driver gives them.

    PostgreSQL plans a join of seven tables longer than it takes to run it, so it plans it once for all values:
    use it only for statements whose best plan does not depend on them. Such a plan uses no partial index whose
    condition is about a value.
    """
    wrapper: Any = connections["default"]
    if wrapper.vendor != "postgresql" or _is_heard(wrapper):
        heard: list[tuple[Any, ...]] = _aloud(wrapper, sql, params, _rows)
        return heard
    with wrapper.wrap_database_errors:
        _plan_once(wrapper)
    rows: list[tuple[Any, ...]] = _run(wrapper, sql, params, _rows)
    return rows


def ask(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows that a plain statement answers with, planned as the database sees fit."""
    rows: list[tuple[Any, ...]] = _plain(sql, params, _rows)
    return rows


def change(sql: str, params: Sequence[Any]) -> int:
    """Run a plain statement that answers with no rows; return how many it changed."""
    changed: int = _plain(sql, params, _count)
    return changed


def era() -> str:
    """Since when this database server runs; "" for SQLite.

    What a transaction wrote is known by its number, and numbers are given once only, but for a server whose files
    were put back to an earlier state. That takes a restart, so numbers are comparable within one era.
    """
    wrapper: Any = connections["default"]
    if wrapper.vendor != "postgresql":
        return ""
    with wrapper.wrap_database_errors:
        return _session(wrapper).era


def _rows(cursor: Any) -> list[tuple[Any, ...]]:
    return list(cursor.fetchall())


def _count(cursor: Any) -> int:
    return int(cursor.rowcount)


def _plain(sql: str, params: Sequence[Any], answer: Answer) -> Any:
    """Prepared, where nobody listens to statements and the connection is not one that plans for all values."""
    wrapper: Any = connections["default"]
    direct = not _is_heard(wrapper)
    if direct and wrapper.vendor == "postgresql":
        with wrapper.wrap_database_errors:
            direct = not _session(wrapper).one_plan
    if not direct:
        return _aloud(wrapper, sql, params, answer)
    wrapper.ensure_connection()
    wrapper.validate_no_broken_transaction()
    if wrapper.vendor == "sqlite":
        with wrapper.wrap_database_errors:
            return answer(wrapper.connection.execute(_with_question_marks(sql), params))
    from psycopg.types.numeric import Int8

    # integers of one width, or each width would be a statement of its own
    return _run(wrapper, sql, [Int8(value) if type(value) is int else value for value in params], answer)


def _is_heard(wrapper: Any) -> bool:
    """Whether somebody listens to statements: a wrapper, or the log of queries. Prepared ones pass both by."""
    return bool(wrapper.execute_wrappers or wrapper.queries_logged)


def _aloud(wrapper: Any, sql: str, params: Params, answer: Answer) -> Any:
    """With Django's own cursor, which tells those who listen."""
    # A tuple: the log of SQLite's queries writes values into the text with %, which takes a list for one value.
    given = params if isinstance(params, Mapping) else tuple(params)
    with wrapper.cursor() as cursor:
        cursor.execute(sql, given)
        return answer(cursor)


@cache
def _with_question_marks(sql: str) -> str:
    """The statement as SQLite's driver takes it; Django does this anew at each call."""
    return sql % (("?",) * sql.count("%s"))


def _session(wrapper: Any) -> _Session:
    """What is known of the connection's session. Its planner is set by ``DATABASES["default"]["OPTIONS"]``."""
    wrapper.ensure_connection()
    raw = wrapper.connection
    session = _sessions.get(raw)
    if session is None:
        raw.prepared_max = MOST_KEPT  # of psycopg, which has no connection option for it; its default is 100
        session = _sessions[raw] = _Session(str(raw.execute("SELECT pg_postmaster_start_time()").fetchone()[0]))
    return session


def _plan_once(wrapper: Any) -> None:
    """Have the session plan prepared statements once for all values.

    A transaction that is rolled back takes the setting back, so it counts as made only once its transaction commits.
    """
    session = _session(wrapper)
    if session.one_plan:
        return
    wrapper.connection.execute("SET plan_cache_mode = force_generic_plan")

    def note() -> None:
        session.one_plan = True

    transaction.on_commit(note)  # at once, outside of a transaction


def _run(wrapper: Any, sql: str, params: Params, answer: Answer) -> Any:
    import psycopg

    with wrapper.wrap_database_errors, psycopg.Cursor(wrapper.connection) as cursor:  # binds on the server
        cursor.execute(sql, params, prepare=True)
        return answer(cursor)
