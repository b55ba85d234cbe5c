"""Priority: one additive score, higher is sooner, each term of which can be shown.

``class points − short_first/40·ln(reading/6) − slack/40 − too late + points`` with slack = due − now − reading
time. The term *too late* counts once slack is negative: a case that can no longer be read in time gives way to those
that can. Every case gains 1/40 a minute, late or not, so two cases change places only when one of them becomes late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from .policy import MINUTES_A_POINT, PRESET, Policy

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
    ratio = max(case.reading_minutes, 0.1) / TYPICAL_READING_MINUTES  # no case takes no time, and ln 0 is none
    return -policy.short_first_points(case.class_points) * math.log(ratio)
