"""What the layers above add to the bell of every page and to the coordinator's page. Each registers a source here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ris.people.models import User


@dataclass(frozen=True, slots=True)
class BellRow:
    """Something that waits for a person: where it is dealt with, an icon, what it is, and what more is known."""

    url: str
    icon: str
    what: str
    more: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tile:
    """A number on the coordinator's page, with the page that lists it. ``red``: it should be none."""

    url: str
    icon: str
    label: str
    count: int
    red: bool


_bells: list[Callable[[User], list[BellRow]]] = []
_tiles: list[Callable[[User, datetime], list[Tile]]] = []


def register_bell(source: Callable[[User], list[BellRow]]) -> None:
    """Have the bell ask this source, too. Called once when the application starts."""
    if source not in _bells:
        _bells.append(source)


def register_tiles(source: Callable[[User, datetime], list[Tile]]) -> None:
    """Have the coordinator's page ask this source, too. Called once when the application starts."""
    if source not in _tiles:
        _tiles.append(source)


def bell_rows(reader: User) -> list[BellRow]:
    """What waits for a person, of all sources; the newest first."""
    return sorted((row for source in _bells for row in source(reader)), key=lambda row: row.at, reverse=True)


def lead_tiles(lead: User, at: datetime) -> list[Tile]:
    """Numbers for the coordinator's page at a moment, of all sources."""
    return [tile for source in _tiles for tile in source(lead, at)]
