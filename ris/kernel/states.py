"""State diagrams as data: a named step leads from some states to one state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow of a state diagram. Taken by :meth:`ris.kernel.db.transitions.StatefulQuerySet.take`."""

    name: str
    sources: frozenset[str]
    target: str


def step(name: str, sources: Iterable[str], target: str) -> Step:
    """Draw an arrow: ``step("claim", [UNREAD], CLAIMED)``."""
    return Step(name, frozenset(sources), target)
