"""Rows as resources: built, without empty elements, with ``meta``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .datatypes import Json, instant, prune
from .resource_type import Page, ResourceType

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
ALWAYS = ("resourceType", "id", "meta")


def represent(resource_type: ResourceType, rows: Sequence[Any], page: Page) -> list[Json]:
    """The resources of rows that ``resource_type.load`` has loaded, in their order.

    ``meta.versionId`` is a digest of the content: a resource is made of several rows, and only what it says tells
    whether it changed. ``meta.lastUpdated`` is left out where nothing is known.
    """
    page.turn_to(rows)
    times = resource_type.times_of(rows)
    return [_finish(resource_type, prune(resource_type.build(row, page)), row.pk, times.get(row.pk)) for row in rows]


def _finish(resource_type: ResourceType, content: Json, pk: int, changed_at: Any) -> Json:
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    meta = prune({"versionId": digest, "lastUpdated": instant(changed_at), "profile": list(resource_type.profiles)})
    return {"resourceType": resource_type.name, "id": str(pk), "meta": meta, **content}


def etag(resource: Json) -> str:
    """The weak entity tag of a resource (R4 http, 3.1.0.1.3)."""
    return f'W/"{resource["meta"]["versionId"]}"'


def keep_elements(resource: Json, names: Iterable[str], mandatory: tuple[str, ...]) -> Json:
    """The resource with the elements that were asked for, and those that it cannot be without; tagged SUBSETTED."""
    wanted = {*ALWAYS, *mandatory, *names}
    kept = {name: value for name, value in resource.items() if name in wanted}
    return kept | {"meta": resource["meta"] | {"tag": [SUBSETTED]}}


def references_at(resource: Json, path: str) -> Iterator[tuple[str, int]]:
    """(type, id) of the references at an element such as ``participant.actor``; lists on the way are walked."""
    values: list[Any] = [resource]
    for name in path.split("."):
        inner = [value.get(name) for value in values if isinstance(value, dict)]
        values = [one for value in inner for one in (value if isinstance(value, list) else [value])]
    for value in values:
        if isinstance(value, dict) and "/" in value.get("reference", ""):
            kind, _, pk = value["reference"].partition("/")
            yield kind, int(pk)
