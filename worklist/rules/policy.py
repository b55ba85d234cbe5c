"""The numbers of the score. Measured on made-up hospitals (``bin/ris simulate --hospitals``), or on a house's own past.

All are minutes of due time: a head start of 30 says that a case is read as if it were due 30 minutes sooner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from ris.kernel.errors import Invalid

MINUTES_A_POINT = 40.0
"""One point of the score is worth so much due time. A rule's ±3 points are two hours sooner or later."""

CRITICAL_POINTS, URGENT_POINTS = 1000.0, 500.0
"""Head starts that no lateness makes up for: 500 points are two weeks. Class 1 and class 2 are read in their order."""

URGENT_FROM = 400.0
"""Class points from which a case counts as urgent: classes 1 and 2, and what an AI result promoted."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How classes, lateness, skills and AI results weigh against each other. Minutes, each from 0."""

    waiting_head_start: float = 60.0
    """Class 3."""
    inpatient_head_start: float = 30.0
    """Class 4; class 5 has none."""
    short_first: float = 20.0
    """A case that takes e times as long to read is read so much later: it would hold up e times as many."""
    short_first_urgent: float = 20.0
    """The same of urgent cases."""
    too_late: float = 120.0
    """A case that cannot be read in time any more waits for those that can, so much and no longer."""
    too_late_urgent: float = 90.0
    """The same of urgent cases."""
    off_skill: float = 60.0
    """A reader with the secondary skill takes a case of their primary skill first, unless it is due so much later."""
    off_skill_urgent: float = 15.0
    """The same of urgent cases: whoever is free begins."""
    ai_due: float = 70.0
    """A positive AI result is read as a STAT case that is due so long after the result, so behind those that wait."""

    def class_points(self, urgency: int) -> float:
        """Points of an urgency class, 1 to 5."""
        starts = {3: self.waiting_head_start, 4: self.inpatient_head_start}
        fixed = {1: CRITICAL_POINTS, 2: URGENT_POINTS}
        return fixed.get(urgency, starts.get(urgency, 0.0) / MINUTES_A_POINT)

    def short_first_points(self, class_points: float) -> float:
        """What a case loses of the score that takes e times as long to read as another."""
        minutes = self.short_first_urgent if class_points >= URGENT_FROM else self.short_first
        return minutes / MINUTES_A_POINT

    def too_late_points(self, class_points: float) -> float:
        """What being too late takes from the score."""
        return (self.too_late_urgent if class_points >= URGENT_FROM else self.too_late) / MINUTES_A_POINT

    def off_skill_points(self, class_points: float) -> float:
        """What a reader without the primary skill loses of the score."""
        return (self.off_skill_urgent if class_points >= URGENT_FROM else self.off_skill) / MINUTES_A_POINT

    def kept(self) -> dict[str, float]:
        """As plain values, to be kept."""
        return asdict(self)


PRESET = Policy()
"""In force where nothing else was put in force."""

MOST_MINUTES = 1440.0
"""No number of a policy is more than a day."""


def read_policy(values: Mapping[str, object]) -> Policy:
    """A policy from plain values; what is not named is as preset. Raises Invalid, naming the field."""
    known = {field.name for field in fields(Policy)}
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if name not in known:
            raise Invalid(f"A policy has no “{name}”: {', '.join(sorted(known))}.", at=name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_MINUTES:
            raise Invalid(f"Minutes from 0 to {MOST_MINUTES:g} are wanted.", at=name)
        numbers[name] = float(value)
    return Policy(**numbers)
