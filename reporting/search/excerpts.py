# ruff: noqa: S608  (names of our own tables and columns; what people type is always a parameter)
"""How much a found report is worth, and the part of a section around the words that were found.

Both databases mark the words with two control characters, which no report holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db import connection

from .engines import FTS, SEARCHED, TABLE, fts5_query, postgres_query
from .terms import Terms

MARK_START, MARK_END = "\x02", "\x03"
BEFORE, LONGEST = 60, 240
"""Characters before the first found word, and of the whole excerpt."""


_WORTH = {"impression": 4.0, "findings": 2.0, "addendum": 2.0, "technique": 1.0, "comparison": 1.0}
"""How much a word counts by the section in which it stands."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; ``found``: it is a word of the search."""

    text: str
    found: bool


def count_marks(marked: str) -> int:
    """How many words of the text were found."""
    return marked.count(MARK_START)


def excerpt_of(marked: str) -> tuple[Piece, ...]:
    """One line around the first found word; empty where none was found. An ellipsis stands where text was left out."""
    flat = " ".join(marked.split())
    first = flat.find(MARK_START)
    if first < 0:
        return ()
    start = 0 if first <= BEFORE else flat.find(" ", first - BEFORE) + 1
    end = len(flat) if len(flat) - start <= LONGEST else flat.rfind(" ", start, start + LONGEST)
    end = max(end, flat.find(MARK_END, first) + 1)
    cut = ("… " if start else "") + flat[start:end] + (" …" if end < len(flat) else "")
    pieces = []
    for run in re.split(f"({MARK_START}[^{MARK_END}]*{MARK_END}?)", cut):
        if run:
            pieces.append(Piece(run.strip(MARK_START + MARK_END), run.startswith(MARK_START)))
    return tuple(pieces)


def rank_rows(keys: list[int], terms: Terms, section: str) -> dict[int, float]:
    """Worth of each of these rows; those without any are left out."""
    worth = _worth_postgres if connection.vendor == "postgresql" else _worth_sqlite
    return worth(keys, terms, section)


def mark_words(keys: list[int], terms: Terms, section: str) -> list[tuple[Any, ...]]:
    """(key, text of each of SEARCHED with the found words marked) of these rows, in any order."""
    marked = _marked_postgres if connection.vendor == "postgresql" else _marked_sqlite
    return marked(keys, terms, section)


def _worth_postgres(keys: list[int], terms: Terms, section: str) -> dict[int, float]:
    sql, params = postgres_query(terms, section, [])
    # Weights in the order D, C, B, A.
    text = f"SELECT id, ts_rank('{{0.2, 0.1, 0.2, 0.4}}', document, {sql}) FROM {TABLE} WHERE id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(text, [*params, keys])
        return dict(cursor.fetchall())


def _worth_sqlite(keys: list[int], terms: Terms, section: str) -> dict[int, float]:
    worth = {}
    for pk, *sections in _marked_sqlite(keys, terms, section):
        marks = [count_marks(text) for text in sections]
        length = 1 + sum(map(len, sections)) / 2000
        worth[pk] = sum(_WORTH[name] * n / (n + 1) for name, n in zip(SEARCHED, marks, strict=True)) / length
    return worth


def _marked_sqlite(keys: list[int], terms: Terms, section: str) -> list[tuple[Any, ...]]:
    marked = ", ".join(f"highlight({FTS}, {n}, '{MARK_START}', '{MARK_END}')" for n in range(len(SEARCHED)))
    places = ", ".join(["%s"] * len(keys))
    # One walk over the range of the rows: FTS5 would begin anew for each key. The plus keeps the keys from it.
    where = f"{FTS} MATCH %s AND rowid BETWEEN %s AND %s AND +rowid IN ({places})"
    with connection.cursor() as cursor:
        text = f"SELECT rowid, {marked} FROM {FTS} WHERE {where} ORDER BY rowid DESC"
        cursor.execute(text, [fts5_query(terms, section, []), min(keys), max(keys), *keys])
        return list(cursor.fetchall())


def _marked_postgres(keys: list[int], terms: Terms, section: str) -> list[tuple[Any, ...]]:
    sql, params = postgres_query(terms, section, [])
    options = f"HighlightAll=true, StartSel={MARK_START}, StopSel={MARK_END}"
    stems = "CASE WHEN language = 'de' THEN 'german'::regconfig ELSE 'english'::regconfig END"
    marked = ", ".join(f"ts_headline({stems}, {name}, q.query, '{options}')" for name in SEARCHED)
    text = f"SELECT id, {marked} FROM {TABLE}, (SELECT {sql} AS query) q WHERE id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(text, [*params, keys])
        return list(cursor.fetchall())
