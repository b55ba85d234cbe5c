"""Putting an item in its lane."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from worklist.models import ReadingItem
from worklist.rules.score import SLOPE, Case, Place, place, reach_of, terms
from worklist.selectors.rules_in_force import policy_in_force

NO_LANE: dict[str, Any] = {"lane": None, "turns_at": None}
"""Columns of an item that nobody can be given; rank and slope stay, so that lists keep their order."""

_NOTE = "INSERT INTO worklist_lane (number, reach, slope) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


def case_of(item: ReadingItem) -> Case:
    """What the score needs to know of an item."""
    return Case(item.weight, item.reading_minutes, item.due_at, float(item.sla_minutes), item.points)


def score_terms(item: ReadingItem, at: datetime) -> dict[str, float]:
    """Why the item stands where it stands."""
    return terms(case_of(item), at, item.policy or policy_in_force())


def lane_columns(item: ReadingItem, at: datetime) -> dict[str, Any]:
    """Columns of an item that somebody can be given: where it stands at a moment."""
    return place_columns(place(case_of(item), at, reach=item.reach, policy=policy_in_force()))


def place_columns(where: Place) -> dict[str, Any]:
    """The same for a known place. Notes the lane, in the caller's transaction, so that next-case looks there.

    There is no cache of known lanes: a rolled-back note would leave items where nobody looks.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [where.lane, reach_of(where.lane), SLOPE])
    return {"lane": where.lane, "rank": where.rank, "slope": where.slope, "turns_at": where.turns_at}


def advance_lanes(at: datetime, *, limit: int = 1000) -> int:
    """Move items whose time has come to their next lane; return how many moved.

    Each moves by a guarded UPDATE of its own, so sweeps and claims may run at the same time.
    """
    due = ReadingItem.objects.filter(turns_at__lte=at, lane__isnull=False).order_by("turns_at")[:limit]
    moved = 0
    for item in due:
        still = ReadingItem.objects.filter(pk=item.pk, version=item.version, lane__isnull=False)
        moved += still.update(**lane_columns(item, at))
    return moved
