"""One line of a translation table: what it may say, table by table, and the cure where it may not."""

from __future__ import annotations

import re
from collections.abc import Callable

from ris.catalog.models import Procedure, Site
from ris.kernel.errors import Invalid
from ris.orders.models import Order
from ris.patients.models import Patient

from ..models import MapEntry

TABLES = tuple(value for value, _ in MapEntry.TABLES)
RULE_TERMS = ("code", "location", "modality")
_MODALITY = re.compile(r"[A-Z][A-Z0-9]{1,15}")
_PRIORITIES = tuple(value for value, _ in Order.PRIORITIES)
_SEXES = tuple(value for value, _ in Patient.SEXES if value)


def entry_of(peer_id: int | None, cells: dict[str, str]) -> MapEntry:
    """The line, not saved. Raises Invalid at the column that cannot be right."""
    if cells["table"] not in TABLES:
        raise Invalid(f"The table is one of {', '.join(sorted(TABLES))}.", at="table")
    if not cells["given"]:
        raise Invalid("Say which value is meant: the one that is sent.", at="given")
    for column in ("given", "meant", "text"):
        if len(cells[column]) > 199:
            raise Invalid("A value has at most 199 characters; shorten it.", at=column)
    cells = cells | {"meant": _CHECKS[cells["table"]](cells["meant"])}
    if cells["table"] == "station":
        _check_rule(cells["given"])
    return MapEntry(peer_id=peer_id, **cells)


def _procedure(meant: str) -> str:
    if not Procedure.objects.filter(code__iexact=meant).exists():
        raise Invalid(
            f"The catalog has no procedure {meant[:64] or '(empty)'}; add it there, or choose another.", at="meant"
        )
    return meant


def _modality(meant: str) -> str:
    if meant and not _MODALITY.fullmatch(meant.upper()):
        raise Invalid("A modality is 2 to 16 letters or digits, such as CT; empty: the value says nothing.", at="meant")
    return meant.upper()


def _one_of(values: tuple[str, ...]) -> Callable[[str], str]:
    def check(meant: str) -> str:
        if meant and meant.upper() not in values:
            raise Invalid(f"It means one of {', '.join(values)}; empty: the value says nothing.", at="meant")
        return meant.upper()

    return check


def _site(meant: str) -> str:
    if not Site.objects.filter(code=meant.lower()).exists():
        known = ", ".join(Site.objects.order_by("code").values_list("code", flat=True)[:10])
        raise Invalid(f"There is no site of that code: {known or 'none is set up'}.", at="meant")
    return meant.lower()


def _station(meant: str) -> str:
    if not meant or len(meant) > 16 or not meant.isascii():
        raise Invalid("An AE title has 1 to 16 ASCII characters.", at="meant")
    return meant


def _check_rule(given: str) -> None:
    for part in given.split("&"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name.lower() not in RULE_TERMS or not equals or not value:
            raise Invalid("Write the rule as code=…, location=…, modality=…, joined by &.", at="given")


_CHECKS: dict[str, Callable[[str], str]] = {
    "procedure": _procedure,
    "modality": _modality,
    "priority": _one_of(_PRIORITIES),
    "location": lambda meant: meant,
    "sex": _one_of(_SEXES),
    "site": _site,
    "station": _station,
}
