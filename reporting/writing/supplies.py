"""Contrast and other consumables of performed steps. The layer that talks with devices registers a source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supply:
    """What a device says was used. ``unit`` in UCUM, as it was sent."""

    name: str
    code: str = ""
    quantity: float | None = None
    unit: str = ""


Source = Callable[[Sequence[int]], list[Supply]]
_sources: list[Source] = []


def register_supplies(source: Source) -> None:
    """Have this source asked, by ids of performed steps. Called once when the application starts."""
    if source not in _sources:
        _sources.append(source)


def supplies_of(performed_ids: Sequence[int]) -> list[Supply]:
    """What was used in these performed steps, in their order."""
    return [supply for source in _sources if performed_ids for supply in source(performed_ids)]
