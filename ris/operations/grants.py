"""Two roles of PostgreSQL: the owner, who migrates, and the application's, who serves and can tamper with no trail.

The owner of a table may truncate it and switch its triggers off, whatever they refuse. So the processes that serve use
a role that owns nothing: it reads and writes rows, and of tables that only grow (``ris.kernel.db.append_only``) it may
only read and append.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from psycopg import sql

_APPEND_ONLY = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%\\_append\\_only'"
_READ_ONLY = ("django_migrations",)
"""Says which version the tables are of; only who migrates writes it."""


def grant_application(role: str) -> list[str]:
    """Give the role what serving needs, and nothing else; return the tables that it may only read and append to.

    To be run by the owner after each migration (``./bin/ris prepare`` does). A SQLite file has no roles: nothing.
    """
    if connection.vendor != "postgresql":
        return []
    name = sql.Identifier(role)
    with connection.cursor() as cursor:
        cursor.execute(_APPEND_ONLY)
        growing = sorted(table for (table,) in cursor.fetchall())
        _run(cursor, "GRANT USAGE ON SCHEMA public TO {role}", role=name)
        _run(cursor, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}", role=name)
        _run(cursor, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}", role=name)
        _run(cursor, "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}", role=name)
        for table in growing:
            _run(cursor, "REVOKE UPDATE, DELETE ON {table} FROM {role}", role=name, table=sql.Identifier(table))
        for table in _READ_ONLY:
            _run(cursor, "REVOKE INSERT, UPDATE, DELETE ON {table} FROM {role}", role=name, table=sql.Identifier(table))
    return growing


def may_tamper() -> bool:
    """Whether the role of this process could empty the audit trail, or switch its guard off."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('audit_auditevent', 'TRUNCATE')")  # an owner has it, too
        return bool(cursor.fetchone()[0])


def _run(cursor: Any, statement: str, **names: sql.Identifier) -> None:
    cursor.execute(sql.SQL(statement).format(**names).as_string(None))
