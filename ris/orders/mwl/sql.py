"""Pieces of SQL for a worklist question, with equal results on SQLite and PostgreSQL.

Patterns with a literal beginning are also said as a range, so that an index serves them on both
databases and in prepared statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from ris.patients.matching import fold

# Greek begins here; all letters before it are Latin, with or without accents.
FIRST_NON_LATIN = "\u0370"


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition and its parameters, in the order of the placeholders."""

    sql: str
    params: tuple[Any, ...] = ()

    @classmethod
    def any(cls, clauses: Iterable[Clause]) -> Clause:
        """True where one of them is."""
        parts = list(clauses)
        if len(parts) == 1:
            return parts[0]
        return cls(" OR ".join(f"({part.sql})" for part in parts), tuple(p for part in parts for p in part.params))


def adapt_moment(at: datetime) -> Any:
    """An aware moment as a parameter that compares with a stored one."""
    return connection.ops.adapt_datetimefield_value(at.astimezone(UTC))


def has_wildcard(text: str) -> bool:
    """Whether the text has a wildcard of DICOM PS3.4 C.2.2.2.4."""
    return "*" in text or "?" in text


def match_any_value(column: str, values: Sequence[Any]) -> Clause:
    """The column equals one of the values."""
    if len(values) == 1:
        return Clause(f"{column} = %s", (values[0],))
    return Clause(f"{column} IN ({', '.join(['%s'] * len(values))})", tuple(values))


def match_subselect(column: str, select: str, where: Clause) -> Clause:
    """The column is one of what a sub-select finds; expected to be few, so that the column's index is used.

    On PostgreSQL as an array: a plan made for all parameters then reckons with ten, not with a share of the table.
    """
    subselect = f"{select} WHERE {where.sql}"
    postgresql = connection.vendor == "postgresql"
    return Clause(f"{column} = ANY(ARRAY({subselect}))" if postgresql else f"{column} IN ({subselect})", where.params)


def join_all(clauses: Iterable[Clause]) -> Clause:
    """True where each of them is."""
    parts = list(clauses)
    return Clause(" AND ".join(f"({part.sql})" for part in parts), tuple(p for part in parts for p in part.params))


def match_text(column: str, text: str) -> Clause:
    """The column equals the text, or fits it where it holds wildcards. Case counts."""
    if not has_wildcard(text):
        return Clause(f"{column} = %s", (text,))
    literal = re.split(r"[*?]", text, maxsplit=1)[0]
    if text == literal + "*" and literal:
        return _begins(column, literal)
    return join_all([_begins(column, literal), _fits(column, text)]) if literal else _fits(column, text)


def _fits(column: str, text: str) -> Clause:
    if connection.vendor == "postgresql":
        # LIKE has wildcards of its own, which stand for themselves in a DICOM value.
        escaped = re.sub(r"([%_\\])", r"\\\1", text)
        return Clause(f"{column} LIKE %s", (escaped.replace("*", "%").replace("?", "_"),))
    # GLOB has the wildcards of DICOM; only its bracket must stand for itself.
    return Clause(f"{column} GLOB %s", (text.replace("[", "[[]"),))


def _begins(column: str, beginning: str) -> Clause:
    """The column begins with the text, as a range that a (pattern) index can walk."""
    last = ord(beginning[-1]) + 1
    # The character after the last one; from D800 to DFFF lie surrogates, which are no characters of a text.
    after = beginning[:-1] + chr(0xE000 if 0xD800 <= last < 0xE000 else min(last, 0x10FFFF))
    if connection.vendor == "postgresql":
        # Operators of text_pattern_ops: bytes are compared, whatever the collation of the database.
        return Clause(f"{column} ~>=~ %s AND {column} ~<~ %s", (beginning, after))
    return Clause(f"{column} >= %s AND {column} < %s", (beginning, after))


def match_name(name: str) -> Clause:
    """A patient's name fits, whatever its case and accents, in any of its component groups (PS3.5 6.2.1).

    ``name`` is a Person Name with wildcards; empty components ask for nothing.
    """
    groups = [_fill_components(group.rstrip("^ ")) for group in name.split("=")]
    latin = [group for group in groups[:1] if group]
    others = [group for group in groups[1:] if group]
    if latin and latin[0][0] >= FIRST_NON_LATIN:
        others, latin = [*latin, *others], []
    parts = [_first_group(fold(group)) for group in latin]
    for group in others or latin:
        parts += [match_text("p.ideographic_name", group), match_text("p.phonetic_name", group)]
    if others:
        parts += [_first_group(fold(group)) for group in others]
    return Clause.any(parts)


def _fill_components(group: str) -> str:
    """``^ALPHA`` asks for a given name of whoever's family: an empty component is universal (PS3.4 C.2.2.2.3)."""
    return "^".join(component or "*" for component in group.split("^")) if group else ""


def _first_group(folded: str) -> Clause:
    """The alphabetic group, with or without other groups behind it."""
    return Clause.any([match_text("p.search_name", folded), match_text("p.search_name", f"{folded}=*")])


def match_json_item(column: str, text: str, *, at: int | None = None) -> Clause:
    """The JSON list in the column holds the text, wildcards allowed; ``at``: it is a list of lists, looked at there."""
    postgresql = connection.vendor == "postgresql"
    if postgresql:
        kind = "_text" if at is None else ""
        items, item = (
            f"jsonb_array_elements{kind}({column}) AS t(value)",
            "t.value" if at is None else f"t.value->>{at}",
        )
    else:
        items, item = f"json_each({column}) AS t", "t.value" if at is None else f"json_extract(t.value, '$[{at}]')"
    fits = match_text(item, text)
    return Clause(f"EXISTS (SELECT 1 FROM {items} WHERE {fits.sql})", fits.params)  # noqa: S608
