"""A search as it was asked: names and values of a query string, read into conditions and how the answer looks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from ris.kernel.errors import Forbidden, Invalid
from ris.kernel.values import read_number
from ris.people.models import User

from ..registry import TYPES
from ..resource_type import ResourceType
from .parameters import NOBODY, SearchParameter, Term

MOST_ROWS = 200
USUAL_ROWS = 50
MOST_VALUES = 100
"""Values of one parameter: each is a condition of its own."""
TRANSPORT = ("_format", "_pretty")
"""Parameters of every request, which say nothing of what is sought."""
_COMMA = re.compile(r"(?<!\\),")
_ESCAPED = re.compile(r"\\([\\,|$])")


@dataclass(kw_only=True)
class Search:
    """What is sought and how it is answered. ``kept``: what of the query holds, for the link ``self``."""

    resource_type: ResourceType
    viewer: User
    conditions: list[Q] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    includes: list[tuple[str, str, str]] = field(default_factory=list)
    revincludes: list[tuple[str, str]] = field(default_factory=list)
    count: int = USUAL_ROWS
    sort: str = "pk"
    descending: bool = True
    elements: tuple[str, ...] = ()
    is_counted: bool = False
    only_count: bool = False
    after: tuple[str, int] | None = None
    """Sort value (as text) and id of the last row of the page before."""


class Unsupported(Exception):
    """A parameter, or a form of one, that is not there: refused or ignored, as the client prefers."""


def read_search(resource_type: ResourceType, pairs: Iterable[tuple[str, str]], *, viewer: User, strict: bool) -> Search:
    """Read a query. Raises Invalid for a value that cannot be read, and, if ``strict``, for an unknown parameter."""
    search = Search(resource_type=resource_type, viewer=viewer)
    for name, text in pairs:
        if name in TRANSPORT or not text:
            continue
        try:
            _read(search, name, text)
        except Unsupported:
            if strict:
                known = ", ".join(sorted([*resource_type.parameters, *CONTROLS]))
                raise Invalid(f"This parameter is not supported here. There are: {known}.", at=name) from None
            search.ignored.append(name)
        else:
            search.kept.append((name, text))
    return search


def _read(search: Search, name: str, text: str) -> None:
    if name in CONTROLS:
        CONTROLS[name](search, text)
        return
    head, _, chained = name.partition(".")
    bare, _, modifier = head.partition(":")
    parameter = search.resource_type.parameters.get(bare)
    if parameter is None:
        raise Unsupported
    values = _COMMA.split(text)
    if len(values) > MOST_VALUES:
        raise Invalid(f"At most {MOST_VALUES} values. Ask several times.", at=name)
    terms = [Term(_ESCAPED.sub(r"\1", value), name, search.viewer, modifier) for value in values]
    search.conditions.append(_chain(parameter, chained, terms) if chained else _condition(parameter, modifier, terms))


def _condition(parameter: SearchParameter, modifier: str, terms: list[Term]) -> Q:
    if modifier == "missing" and parameter.missing is not None:
        if terms[0].text not in ("true", "false"):
            raise Invalid("Say true or false.", at=terms[0].at)
        return parameter.missing if terms[0].text == "true" else ~parameter.missing
    if modifier and modifier not in parameter.modifiers:
        raise Unsupported
    found = _any(parameter.clause(term) for term in terms)
    return ~found if modifier == "not" else found


def _any(conditions: Iterable[Q]) -> Q:
    found = NOBODY
    for condition in conditions:
        found |= condition
    return found


def _chain(parameter: SearchParameter, chained: str, terms: list[Term]) -> Q:
    """``patient.identifier``: the target's own condition, among the targets that the viewer may see."""
    kinds = [terms[0].modifier] if terms[0].modifier else [kind for kind in parameter.targets if kind in TYPES]
    found = NOBODY
    name, _, modifier = chained.partition(":")
    usable = [TYPES[kind] for kind in kinds if kind in parameter.targets and name in TYPES[kind].parameters]
    if not usable:
        raise Unsupported
    for target in usable:
        inner = [Term(term.text, term.at, term.viewer, modifier) for term in terms]
        try:
            rows = target.select(terms[0].viewer).filter(_condition(target.parameters[name], modifier, inner))
        except Forbidden:
            continue
        found |= Q(**{f"{parameter.column}__in": rows.order_by().values("pk")})
    return found


def _read_count(search: Search, text: str) -> None:
    count = read_number(text, at="_count")
    search.count, search.only_count = min(count, MOST_ROWS), search.only_count or count == 0


def _read_sort(search: Search, text: str) -> None:
    name = text.removeprefix("-")
    columns = {"_id": "pk", **search.resource_type.sort}
    if name not in columns:
        raise Unsupported
    search.sort, search.descending = columns[name], text.startswith("-")


def _read_include(search: Search, text: str) -> None:
    kind, _, rest = text.partition(":")
    name, _, target = rest.partition(":")
    if f"{kind}:{name}" not in search.resource_type.includes:
        raise Unsupported
    search.includes.append((kind, name, target))


def _read_revinclude(search: Search, text: str) -> None:
    kind, _, rest = text.partition(":")
    name = rest.partition(":")[0]
    if f"{kind}:{name}" not in search.resource_type.revincludes:
        raise Unsupported
    search.revincludes.append((kind, name))


def _read_elements(search: Search, text: str) -> None:
    search.elements += tuple(filter(None, text.split(",")))


def _read_summary(search: Search, text: str) -> None:
    if text not in ("count", "false"):
        raise Unsupported
    search.only_count = text == "count"


def _read_total(search: Search, text: str) -> None:
    if text not in ("none", "estimate", "accurate"):
        raise Invalid("Say none, estimate or accurate.", at="_total")
    search.is_counted = text != "none"


CONTROLS: dict[str, Callable[[Search, str], Any]] = {
    "_count": _read_count,
    "_sort": _read_sort,
    "_include": _read_include,
    "_revinclude": _read_revinclude,
    "_elements": _read_elements,
    "_summary": _read_summary,
    "_total": _read_total,
}
"""Parameters that say how the answer looks."""
