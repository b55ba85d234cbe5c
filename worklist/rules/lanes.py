"""The score in a form that an index can hold: rows are not touched as time passes.

Every case gains 1/40 a minute, so the order of two cases stays until one of them becomes late or spills. Between
these moments a case stands in a *lane*: its ``rank`` (the score at EPOCH) orders it for good, and the score at a
moment is ``rank + slope × minutes since EPOCH``. A case changes lane at most three times in its life, at
``turns_at``. The best case of all is the best of the lanes' heads.

The lanes say how far a case has spilled: PRIMARY and SECONDARY (from half of the SLA on) are for readers with a skill,
POOL (from three quarters on) for everybody eligible, LATE too, which stands behind what can still be read in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .policy import MINUTES_A_POINT, PRESET, URGENT_FROM, Policy
from .score import Case, base

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

SECONDARY_AFTER, POOL_AFTER = 0.5, 0.75
"""Fractions of the SLA; the first two rungs of ``worklist.rules.ladder``."""
POOL_AFTER_URGENT = 0.5
"""Urgent cases are for everybody sooner: the hour of a STAT case leaves a quarter of an hour at three quarters."""

PRIMARY, SECONDARY, POOL, LATE = 0, 1, 2, 3
SLOPE = 1.0 / MINUTES_A_POINT
"""What a case gains in a minute, in whatever lane."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case stands. ``turns_at`` is None once it stays there for good."""

    lane: int
    rank: float
    slope: float
    turns_at: datetime | None

    def score(self, at: datetime) -> float:
        """The score at a moment before ``turns_at``."""
        return self.rank + self.slope * minutes(at)


def minutes(at: datetime) -> float:
    """Minutes from EPOCH to ``at``."""
    return (at - EPOCH) / timedelta(minutes=1)


def reach_of(lane: int) -> int:
    """How far a lane's cases have spilled: PRIMARY, SECONDARY or POOL."""
    return min(lane, POOL)


def place(case: Case, at: datetime, *, reach: int = PRIMARY, policy: Policy = PRESET) -> Place:
    """The lane, rank and next turn of a case at a moment; ``reach`` widens it beforehand."""
    late_from = case.due_at - timedelta(minutes=case.reading_minutes)
    rank = base(case, policy) - SLOPE * minutes(late_from)
    if at >= late_from:
        return Place(LATE, rank - policy.too_late_points(case.class_points), SLOPE, None)
    sla = timedelta(minutes=max(case.sla_minutes, 1.0))
    pool_after = POOL_AFTER_URGENT if case.class_points >= URGENT_FROM else POOL_AFTER
    secondary_from, pool_from = case.due_at - sla * (1 - SECONDARY_AFTER), case.due_at - sla * (1 - pool_after)
    lane = max(reach, POOL if at >= pool_from else SECONDARY if at >= secondary_from else PRIMARY)
    turns = [moment for moment in (secondary_from, pool_from, late_from) if moment > at]
    return Place(lane, rank, SLOPE, min(turns))
