"""Finds the scheduled steps of a worklist question in SQL.

One statement joins a step with all that a worklist entry holds. It is written by hand because it runs a thousand
times a second, and because rows must come back exactly as the database has them: equal rows have equal content, so
an encoding may be cached by the row and is never stale. PostgreSQL knows the version of a row without reading it,
so there the versions are fetched first.
"""

from __future__ import annotations

from collections.abc import Container

from django.db import connection

from ris.kernel.db.prepared import era, fetch

from .clauses import build_checks, build_clauses, narrow_clauses
from .question import MAX_ROWS, MwlQuestion
from .rows import Listed, Row, from_clause, parse_row, row_columns, version_columns


def find_worklist_rows(question: MwlQuestion, *, other_ids: bool = False, known: Container[Row] = ()) -> list[Listed]:
    """The lines that match, earliest start first, at most ``question.limit``.

    Sees everything that was committed before the call. ``other_ids`` also fetches the patient's other identifiers,
    which costs a look-up a row. ``known``: keys of lines that the caller has; when it has all of them, none
    comes with its row. Read a row with :func:`ris.orders.mwl.rows.entry`.
    """
    vendor, checks = connection.vendor, build_checks(question)
    limit = question.limit if not checks else MAX_ROWS * 10
    clauses = list(narrow_clauses(build_clauses(question), question).values())
    where = " AND ".join(f"({clause.sql})" for clause in clauses) or "1 = 1"
    params = [param for clause in clauses for param in clause.params]
    tail = f"FROM {from_clause(vendor)} WHERE {where} ORDER BY s.start, s.id LIMIT {limit:d}"
    told, wanted = version_columns(vendor, other_ids=other_ids), row_columns(vendor, other_ids=other_ids)
    # A row that a transaction wrote twice has the same writer twice, which only that transaction can see.
    if checks or not told or connection.in_atomic_block:
        rows: list[Row] = fetch(f"SELECT {', '.join(wanted)} {tail}", params)
        if checks:
            rows = [row for row in rows if all(check(parse_row(row)) for check in checks.values())][: question.limit]
        return [Listed(row, row) for row in rows]
    since = era()
    keys = [(since, *version) for version in fetch(f"SELECT {', '.join(told)} {tail}", params)]
    if all(key in known for key in keys):
        return [Listed(key, None) for key in keys]
    rows = fetch(f"SELECT {', '.join([*told, *wanted])} {tail}", params)
    return [Listed((since, *row[: len(told)]), row[len(told) :]) for row in rows]


def find_unmatched_keys(question: MwlQuestion, step_id: int) -> list[str]:
    """The fields of ``question`` that keep this step off its answer; empty when it is on the list.

    Names are those of :class:`MwlQuestion`, plus ``order`` when the order or procedure is held or cancelled.
    """
    missed = []
    for name, clause in build_clauses(question).items():
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT 1 FROM {from_clause(connection.vendor)} WHERE s.id = %s AND ({clause.sql})",  # noqa: S608
                [step_id, *clause.params],
            )
            if cursor.fetchone() is None:
                missed.append(name)
    row = fetch_step_row(step_id)
    missed += [name for name, check in build_checks(question).items() if row is not None and not check(parse_row(row))]
    return missed


def fetch_step_row(step_id: int) -> Row | None:
    """The worklist row of one step, whatever its state; None when there is no such step."""
    wanted = ", ".join(row_columns(connection.vendor, other_ids=True))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {wanted} FROM {from_clause(connection.vendor)} WHERE s.id = %s", [step_id])  # noqa: S608
        row: Row | None = cursor.fetchone()
    return row
