"""Priority: one additive score, higher is sooner, each term of which can be shown.

``ln weight − β·ln(reading/6) − max(0, slack)/K + γ·min(lateness/SLA, 2) + points`` with
slack = due − now − reading time, and lateness = −slack where that is negative: a case that can no longer
be finished in time is late already.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

BETA = 0.5
K_MINUTES = 40.0
GAMMA = 3.0
MOST_LATENESS = 2.0
"""In multiples of the SLA; past it being late counts no further."""

CLASS_WEIGHT = {1: 40.0, 2: 10.0, 3: 5.0, 4: 3.0, 5: 1.0}
"""By urgency: critical, STAT or emergency, patient waiting, inpatient, outpatient."""

CLASS_SLA = {1: 20, 2: 60, 3: 120, 4: 240, 5: 1440}
"""Minutes from readable to final, by urgency: the presets, which rules change by site and modality."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the score needs to know of a case. Minutes are floats, moments aware."""

    weight: float
    reading_minutes: float
    due_at: datetime
    sla_minutes: float
    points: float = 0.0


def slack(case: Case, at: datetime) -> float:
    """Minutes left before reading must begin so as to end in time; negative when that is over."""
    return (case.due_at - at) / timedelta(minutes=1) - case.reading_minutes


def terms(case: Case, at: datetime) -> dict[str, float]:
    """The score's terms by name, in the order in which they are shown. Their sum is the score."""
    left = slack(case, at)
    return {
        "class": math.log(case.weight),
        "reading time": -BETA * math.log(max(case.reading_minutes, 0.1) / 6.0),
        "time left": -max(0.0, left) / K_MINUTES,
        "lateness": GAMMA * min(max(0.0, -left) / max(case.sla_minutes, 1.0), MOST_LATENESS),
        "rules": case.points,
    }


def score(case: Case, at: datetime) -> float:
    """The sum of :func:`terms`."""
    return sum(terms(case, at).values())


def base(case: Case) -> float:
    """The part of the score that no clock changes."""
    return math.log(case.weight) - BETA * math.log(max(case.reading_minutes, 0.1) / 6.0) + case.points
