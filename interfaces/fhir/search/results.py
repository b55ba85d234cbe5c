"""The answer to a search: a searchset Bundle, its pages by keyset, and what is included with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core import signing
from django.db.models import Q, QuerySet

from ris.kernel.errors import Forbidden, Invalid

from ..datatypes import Json
from ..refusals import warn_ignored
from ..registry import TYPES
from ..representation import keep_elements, references_at, represent
from ..resource_type import Page, ResourceType
from .changes import value_of
from .query import Search

MOST_INCLUDED = 1000
"""Resources of one type that come along with a page."""
SALT = "fhir.page"
PAGE = "_page"
"""The parameter that carries an opaque page."""


def answer(search: Search, page: Page) -> tuple[Json, list[Any]]:
    """The Bundle, and the rows that matched."""
    found = search.resource_type.select(search.viewer)
    for condition in search.conditions:
        found = found.filter(condition)
    links = [{"relation": "self", "url": _address(search, page)}]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
    if search.is_counted or search.only_count:
        bundle["total"] = found.order_by().count()
    rows: list[Any] = []
    if not search.only_count:
        rows, more = _page_of(search, found)
        if more:
            links.append(
                {
                    "relation": "next",
                    "url": f"{page.base}/{search.resource_type.name}?{PAGE}={_token(search, rows[-1])}",
                }
            )
    bundle["link"] = links
    entries = [*_entries(search, rows, page)]
    return bundle | ({"entry": entries} if entries else {}), rows


def _page_of(search: Search, found: QuerySet[Any]) -> tuple[list[Any], bool]:
    sign = "-" if search.descending else ""
    order = [f"{sign}pk"] if search.sort == "pk" else [f"{sign}{search.sort}", f"{sign}pk"]
    if search.after:
        found = found.filter(_beyond(search))
    rows = list(search.resource_type.load(found.order_by(*order))[: search.count + 1])
    return rows[: search.count], len(rows) > search.count


def _beyond(search: Search) -> Q:
    """The rows after the last one of the page before, in the order of the search."""
    value, pk = search.after or ("", 0)
    way = "lt" if search.descending else "gt"
    if search.sort == "pk":
        return Q(**{f"pk__{way}": pk})
    return Q(**{f"{search.sort}__{way}": value}) | Q(**{search.sort: value, f"pk__{way}": pk})


def _token(search: Search, last: Any) -> str:
    value = value_of(last, search.sort)
    text = value.isoformat() if isinstance(value, date) else str(value)
    return signing.dumps([urlencode(search.kept), text, last.pk], salt=SALT, compress=True)


def read_page(token: str) -> tuple[list[tuple[str, str]], tuple[str, int]]:
    """The query of a page, and after which row it begins. Raises Invalid for a token that is not ours."""
    try:
        query, value, pk = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        raise Invalid("This page is unknown. Search again.", at=PAGE) from None
    return parse_qsl(query), (value, pk)


def _address(search: Search, page: Page) -> str:
    query = f"?{urlencode(search.kept)}" if search.kept else ""
    return f"{page.base}/{search.resource_type.name}{query}"


def _entries(search: Search, rows: list[Any], page: Page) -> Iterator[Json]:
    matches = represent(search.resource_type, rows, page)
    shown = {(search.resource_type.name, row.pk) for row in rows}
    for resource in matches:
        body = keep_elements(resource, search.elements, search.resource_type.mandatory) if search.elements else resource
        yield _entry(body, page, "match")
    for resource_type, included in _included(search, rows, matches):
        fresh = [row for row in included if (resource_type.name, row.pk) not in shown]
        shown |= {(resource_type.name, row.pk) for row in fresh}
        for resource in represent(resource_type, fresh, page):
            yield _entry(resource, page, "include")
    if warning := warn_ignored(search.ignored):
        yield {"resource": warning, "search": {"mode": "outcome"}}


def _entry(resource: Json, page: Page, mode: str) -> Json:
    url = f"{page.base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _included(search: Search, rows: list[Any], matches: list[Json]) -> Iterator[tuple[ResourceType, list[Any]]]:
    """What the viewer may see of what the matches refer to, and of what refers to them."""
    wanted: dict[str, Q] = {}
    for _, name, target in search.includes:
        path = search.resource_type.parameters[name].path
        ids: dict[str, set[int]] = {}
        for kind, pk in (found for resource in matches for found in references_at(resource, path)):
            ids.setdefault(kind, set()).add(pk)
        for kind, pks in ids.items():
            if kind in TYPES and target in ("", kind):
                wanted[kind] = wanted.get(kind, Q(pk__in=())) | Q(pk__in=pks)
    pks = {row.pk for row in rows}
    for kind, name in search.revincludes if pks else ():
        column = TYPES[kind].parameters[name].column
        wanted[kind] = wanted.get(kind, Q(pk__in=())) | Q(**{f"{column}__in": pks})
    for kind, condition in wanted.items():
        resource_type = TYPES[kind]
        try:
            visible = resource_type.select(search.viewer).filter(condition)
        except Forbidden:  # what may not be read is not there
            continue
        yield resource_type, list(resource_type.load(visible.order_by("pk"))[:MOST_INCLUDED])
