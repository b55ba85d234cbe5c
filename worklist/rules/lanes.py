"""The score in a form that an index can hold: rows are not touched as time passes.

While a case has slack, its score grows by 1/K a minute like that of every other such case, so their order
stays; once late it grows by γ/SLA, so cases with the same SLA keep their order; at the cap it stands still.
Each of these is a *lane*: within it ``rank`` (the score at EPOCH, carried back along the lane's slope) orders
the cases for good, and the score at a moment is ``rank + slope × minutes since EPOCH``. A case changes
lane at most four times in its life, at ``turns_at``. The best case of all is the best of the lanes' heads.

The lanes with slack are three, by how far a case has spilled: to readers with the primary skill, to
secondary ones (slack below τ, or half of the SLA gone), to everybody eligible (three quarters gone, or late).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .score import GAMMA, K_MINUTES, MOST_LATENESS, Case, base

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TAU_MINUTES = 45.0
"""A case spills to secondary skills when less slack is left. Measured (``bin/ris simulate``): against 30, fewer
breaches of STAT cases at either load, for 2 points less of matched skills."""

SECONDARY_AFTER, POOL_AFTER = 0.5, 0.75
"""Fractions of the SLA."""

PRIMARY, SECONDARY, POOL, CAPPED = 0, 1, 2, 3
LATE = 1000
"""Lane of late cases with an SLA of n minutes: LATE + n."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case stands. ``turns_at`` is None once it stays there for good."""

    lane: int
    rank: float
    slope: float
    turns_at: datetime | None

    def score(self, at: datetime) -> float:
        """The score at a moment: rank plus slope times minutes."""
        return self.rank + self.slope * minutes(at)


def minutes(at: datetime) -> float:
    """Minutes from EPOCH to ``at``."""
    return (at - EPOCH) / timedelta(minutes=1)


def lane_slope(lane: int) -> float:
    """What a case in the lane gains in a minute."""
    if lane >= LATE:
        return GAMMA / max(lane - LATE, 1)
    return 0.0 if lane == CAPPED else 1.0 / K_MINUTES


def reach_of(lane: int) -> int:
    """How far a lane's cases have spilled: PRIMARY, SECONDARY or POOL."""
    return min(lane, POOL)


def place(case: Case, at: datetime, *, reach: int = PRIMARY) -> Place:
    """The lane, rank and next turn of a case at a moment; ``reach`` widens it beforehand."""
    sla = max(round(case.sla_minutes), 1)
    late_from = case.due_at - timedelta(minutes=case.reading_minutes)
    capped_from = late_from + timedelta(minutes=MOST_LATENESS * sla)
    if at >= capped_from:
        return Place(CAPPED, base(case) + GAMMA * MOST_LATENESS, 0.0, None)
    if at >= late_from:
        slope = GAMMA / sla
        return Place(LATE + sla, base(case) - slope * minutes(late_from), slope, capped_from)
    secondary_from = min(case.due_at - timedelta(minutes=SECONDARY_AFTER * sla), late_from - _TAU)
    pool_from = case.due_at - timedelta(minutes=(1 - POOL_AFTER) * sla)
    lane = max(reach, PRIMARY if at < min(secondary_from, pool_from) else SECONDARY if at < pool_from else POOL)
    turns = [moment for moment in (secondary_from, pool_from, late_from) if moment > at]
    slope = 1.0 / K_MINUTES
    return Place(lane, base(case) - slope * minutes(late_from), slope, min(turns))


_TAU = timedelta(minutes=TAU_MINUTES)
