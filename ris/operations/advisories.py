"""Known vulnerabilities of what requirements.txt pins, as the package index says them for each version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from .sbom import Package

INDEX = "https://pypi.org"
TRY_S = 10


class Unreachable(Exception):
    """The index did not answer; nothing is known."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A known vulnerability of a pinned version. ``fixed_in``: versions without it; none may be known."""

    package: str
    version: str
    id: str
    fixed_in: tuple[str, ...]


def find_advisories(packages: Iterable[Package], *, index: str = INDEX) -> list[Advisory]:
    """Ask the index (PyPI's JSON API, which has them from the Python advisory database); withdrawn ones are left out.

    Raises Unreachable at the first question without an answer, or when the index does not know a version: a mirror
    without this API answers 404 to everything, which must not look like “none”.
    """
    found: list[Advisory] = []
    with httpx.Client(timeout=TRY_S, follow_redirects=True) as client:
        for name, version in sorted({(package.name, package.version) for package in packages}):
            found += [
                Advisory(name, version, str(row.get("id", "?")), tuple(map(str, row.get("fixed_in") or ())))
                for row in _vulnerabilities(client, f"{index}/pypi/{name}/{version}/json")
                if not row.get("withdrawn")
            ]
    return found


def _vulnerabilities(client: httpx.Client, address: str) -> list[dict[str, Any]]:
    try:
        body = client.get(address).raise_for_status().json()
    except httpx.HTTPStatusError as error:
        raise Unreachable(f"{address}: HTTP {error.response.status_code}") from None
    except (httpx.HTTPError, ValueError) as error:
        raise Unreachable(f"{address}: {type(error).__name__}") from None
    rows = body.get("vulnerabilities") if isinstance(body, dict) else None
    if not isinstance(rows, list):  # a mirror that leaves the field out knows nothing, which is not “none”
        raise Unreachable(f"{address}: it does not say vulnerabilities")
    return [row for row in rows if isinstance(row, dict)]
