"""Full text on each database: how the index is made, and how terms become its query.

PostgreSQL: ``document`` is a generated tsvector of the words as they are (``simple``) and of their stems (``english``
or ``german``, by the language of the report), with a GIN index; weights stand for sections. SQLite: FTS5 over the
columns of the row, with English stems. Both hold the row's tags too, so that a filter is a term of the index
and not a look at every row that has the words.
"""

# ruff: noqa: S608  (names of our own tables and columns; what people type is always a parameter)
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from .terms import Term, Terms

TABLE, FTS = "reporting_searchrow", "reporting_searchtext"
SEARCHED = ("impression", "findings", "technique", "comparison", "addendum")
_WEIGHTS = {"impression": "A", "findings": "B", "technique": "C", "comparison": "C", "addendum": "D"}
_CONFIGS = ("simple", "english", "german")

_STEMS = "(CASE WHEN language = 'de' THEN 'german'::regconfig ELSE 'english'::regconfig END)"
_VECTORS = [
    f"setweight(to_tsvector({config}, {name}), '{_WEIGHTS[name]}')"
    for name in SEARCHED
    for config in ("'simple'::regconfig", _STEMS)
] + ["to_tsvector('simple'::regconfig, tags)"]
_POSTGRES = (
    f"ALTER TABLE {TABLE} ADD COLUMN document tsvector GENERATED ALWAYS AS ({' || '.join(_VECTORS)}) STORED",
    f"CREATE INDEX search_row_document ON {TABLE} USING gin (document)",
    # How common a word is decides between the two ways to find the newest rows that have it.
    f"ALTER TABLE {TABLE} ALTER COLUMN document SET STATISTICS 1000",
)
_COLUMNS = (*SEARCHED, "tags")
_NAMES = ", ".join(_COLUMNS)
_DELETE = (
    f"INSERT INTO {FTS} ({FTS}, rowid, {_NAMES}) VALUES ('delete', old.id, {', '.join('old.' + c for c in _COLUMNS)});"
)
_INSERT = f"INSERT INTO {FTS} (rowid, {_NAMES}) VALUES (new.id, {', '.join('new.' + c for c in _COLUMNS)});"
_SQLITE = (
    f"CREATE VIRTUAL TABLE {FTS} USING fts5({_NAMES}, content='{TABLE}', content_rowid='id',"
    " tokenize='porter unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER {FTS}_insert AFTER INSERT ON {TABLE} BEGIN {_INSERT} END",
    f"CREATE TRIGGER {FTS}_delete AFTER DELETE ON {TABLE} BEGIN {_DELETE} END",
    f"CREATE TRIGGER {FTS}_update AFTER UPDATE ON {TABLE} BEGIN {_DELETE} {_INSERT} END",
)
REBUILD = f"INSERT INTO {FTS} ({FTS}) VALUES ('rebuild')"
"""SQLite: make the index anew from the rows, where triggers were off."""


def create_index(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Migration: make the full-text index."""
    statements = _POSTGRES if schema_editor.connection.vendor == "postgresql" else _SQLITE
    for statement in statements:
        schema_editor.execute(statement, params=None)


def drop_index(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Migration: take it away; the table itself follows."""
    if schema_editor.connection.vendor != "postgresql":
        for kind in ("insert", "delete", "update"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {FTS}_{kind}", params=None)
        schema_editor.execute(f"DROP TABLE IF EXISTS {FTS}", params=None)


def postgres_query(terms: Terms, section: str, tags: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    """SQL of a tsquery and its parameters. ``tags``: of each group one at least. ``section``: one, or empty for all."""
    weight = _WEIGHTS.get(section, "ABCD" if not section else "")
    params: list[str] = []

    def expression(term: Term) -> str:
        # In quotes, to_tsquery takes the text apart itself; several words then stand side by side.
        quoted = "'" + term.text.replace("\\", " ").replace("'", "''") + "'"
        lexeme = f"{quoted}:{'*' if term.prefix else ''}{weight}"
        configs = _CONFIGS[:1] if term.phrase else _CONFIGS
        params.extend([lexeme] * len(configs))
        return "(" + " || ".join(f"to_tsquery('{config}', %s)" for config in configs) + ")"

    parts = [f"({' || '.join(expression(term) for term in group)})" for group in terms.wanted]
    parts += [f"(!! {expression(term)})" for term in terms.unwanted]
    for group in tags:
        parts.append("to_tsquery('simple', %s)")
        params.append(" | ".join(group))
    return " && ".join(parts), params


def fts5_query(terms: Terms, section: str, tags: Sequence[Sequence[str]]) -> str:
    """A query of FTS5, from the same."""
    columns = "{" + (section or " ".join(SEARCHED)) + "}"

    def expression(term: Term) -> str:
        quoted = '"' + term.text.replace('"', " ") + '"'
        return f"{quoted}{' *' if term.prefix else ''}"

    groups = ["(" + " OR ".join(map(expression, group)) + ")" for group in terms.wanted]
    query = f"{columns} : (" + " AND ".join(groups) + ")"
    for group in tags:
        query += " AND tags : (" + " OR ".join(f'"{tag}"' for tag in group) + ")"
    for term in terms.unwanted:
        query = f"({query}) NOT ({columns} : {expression(term)})"
    return query
