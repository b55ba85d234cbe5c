"""Priority: one additive score, higher is sooner, each term of which can be shown; lanes; the escalation ladder.

``class points − short_first/40·ln(reading/6) − slack/40 − too late + points`` with slack = due − now − reading
time. The term *too late* counts once slack is negative: a case that can no longer be read in time gives way to those
that can. Every case gains 1/40 a minute, late or not, so two cases change places only when one of them becomes late
or spills.

Between these moments a case stands in a *lane*, so that no row is touched as time passes: its ``rank`` (the score at
EPOCH) orders it for good, and the score at a moment is ``rank + slope × minutes since EPOCH``. A case changes lane at
most three times in its life, at ``turns_at``. The best case of all is the best of the lanes' heads. The lanes say how
far a case has spilled: PRIMARY and SECONDARY (from half of the SLA on) are for readers with a skill, POOL (from three
quarters on) for everybody eligible, LATE too, which stands behind what can still be read in time.

The escalation ladder records the same: rung 1 (half) secondary skill, rung 2 (three quarters) everybody eligible,
rung 3 (nine tenths) the coordinator's screen, rung 4 the breach itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .policy import MINUTES_A_POINT, PRESET, URGENT_FROM, Policy

CLASS_SLA = {1: 20, 2: 60, 3: 120, 4: 240, 5: 1440}
"""Minutes from readable to final, by urgency: the presets, which rules change by site and modality."""

TYPICAL_READING_MINUTES = 6.0
"""A case that takes so long neither gains nor loses by it."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the score needs to know of a case. Minutes are floats, moments aware; ``class_points`` as of a policy."""

    class_points: float
    reading_minutes: float
    due_at: datetime
    sla_minutes: float
    points: float = 0.0


def slack(case: Case, at: datetime) -> float:
    """Minutes left before reading must begin so as to end in time; negative when that is over."""
    return (case.due_at - at) / timedelta(minutes=1) - case.reading_minutes


def terms(case: Case, at: datetime, policy: Policy = PRESET) -> dict[str, float]:
    """The score's terms by name, in the order in which they are shown. Their sum is the score."""
    left = slack(case, at)
    return {
        "class": case.class_points,
        "reading time": _reading_points(case, policy),
        "time left": -max(0.0, left) / MINUTES_A_POINT,
        "lateness": max(0.0, -left) / MINUTES_A_POINT,
        "too late": -policy.too_late_points(case.class_points) if left <= 0 else 0.0,
        "rules": case.points,
    }


def score(case: Case, at: datetime, policy: Policy = PRESET) -> float:
    """The sum of :func:`terms`."""
    return sum(terms(case, at, policy).values())


def base(case: Case, policy: Policy = PRESET) -> float:
    """The part of the score that no clock changes."""
    return case.class_points + _reading_points(case, policy) + case.points


def _reading_points(case: Case, policy: Policy) -> float:
    ratio = max(case.reading_minutes, 0.1) / TYPICAL_READING_MINUTES  # ln 0 is not defined
    return -policy.short_first_points(case.class_points) * math.log(ratio)


# Never to be moved: the ranks of all rows count from it.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

SECONDARY_AFTER, POOL_AFTER = 0.5, 0.75
"""Fractions of the SLA; the first two rungs of RUNGS."""
POOL_AFTER_URGENT = 0.5
"""Urgent cases are for everybody sooner: the hour of a STAT case leaves a quarter of an hour at three quarters."""

# Numbers that rows keep: PRIMARY to POOL are also the values of ``ReadingItem.reach``.
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
    # At late_from slack is 0 and the score is its base: from there the rank is counted back to EPOCH.
    rank = base(case, policy) - SLOPE * minutes(late_from)
    if at >= late_from:
        return Place(LATE, rank - policy.too_late_points(case.class_points), SLOPE, None)
    sla = timedelta(minutes=max(case.sla_minutes, 1.0))  # a minute at least, however short a rule makes it
    pool_after = POOL_AFTER_URGENT if case.class_points >= URGENT_FROM else POOL_AFTER
    secondary_from, pool_from = case.due_at - sla * (1 - SECONDARY_AFTER), case.due_at - sla * (1 - pool_after)
    lane = max(reach, POOL if at >= pool_from else SECONDARY if at >= secondary_from else PRIMARY)
    turns = [moment for moment in (secondary_from, pool_from, late_from) if moment > at]
    return Place(lane, rank, SLOPE, min(turns))


# The numbers are kept in Escalation.rung, and routes name them: a new rung goes at the end.
RUNGS = {1: 0.5, 2: 0.75, 3: 0.9, 4: 1.0}
"""Rung → part of the SLA that is gone."""

RUNG_NAMES = {1: "offered to secondary skills", 2: "offered to everybody", 3: "coordinator", 4: "breach"}

UNCOVERED_ROUTINE = timedelta(hours=4)
"""Work that nobody on shift is there for widens by itself: urgent at once, routine after so long."""


def rung_at(due_at: datetime, sla_minutes: float, rung: int) -> datetime:
    """When a case reaches a rung."""
    return due_at - timedelta(minutes=sla_minutes * (1.0 - RUNGS[rung]))


def next_rung_at(due_at: datetime, sla_minutes: float, rung: int) -> datetime | None:
    """When a case that stands on ``rung`` (0: none) reaches the next one; None after the last."""
    return rung_at(due_at, sla_minutes, rung + 1) if rung < max(RUNGS) else None


def widens_at(opened_at: datetime, urgency: int) -> datetime:
    """When a case that nobody on shift is there for is offered more widely."""
    # Classes 1 to 3 are due within two hours (CLASS_SLA): they cannot wait for somebody to come on shift.
    return opened_at if urgency <= 3 else opened_at + UNCOVERED_ROUTINE
