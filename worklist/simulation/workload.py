"""Made-up days of a group of readers: who is on, what comes, how long it takes. Same seed, same days.

Medians and spreads are those of the literature where it gives them; the shapes of the day and the weekend are assumed.
The volume is scaled until reading, at the pace of the primary skill, needs the wanted part of the readers' time: so
whoever gives cases to just anybody overloads them. How many skills a reader has was chosen so that first come first
served does about as badly as in the earlier simulation whose rows are the baseline (2.8 and 27.7 % breaches).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from worklist.rules.policy import PRESET
from worklist.rules.score import CLASS_SLA

from .engine import Job, Reader

DAY = 1440.0
DAYS, WARM_UP = 16, 2
"""Days simulated, and how many of them are not counted."""

POOLS = ("neuro", "chest", "abdomen", "bone", "women", "paediatric", "nuclear")


@dataclass(frozen=True, slots=True)
class Kind:
    """An exam: pool, median minutes, σ of the lognormal, and its weight in the mix."""

    pool: int
    median: float
    sigma: float
    weight: float
    ai: bool = False


KINDS = (
    Kind(0, 5.1, 0.79, 14, ai=True),
    Kind(0, 9.0, 0.6, 8),
    Kind(1, 11.2, 0.69, 8, ai=True),
    Kind(1, 1.9, 0.6, 24, ai=True),
    Kind(2, 13.0, 0.74, 12),
    Kind(2, 3.8, 0.6, 8),
    Kind(3, 1.9, 0.6, 16),
    Kind(3, 8.0, 0.6, 6),
    Kind(4, 3.0, 0.6, 9),
    Kind(5, 2.5, 0.6, 5),
    Kind(6, 12.0, 0.5, 3),
)
CLASSES = ((1, 0.015), (2, 0.22), (3, 0.065), (4, 0.25), (5, 0.45))
PREVALENCE, SENSITIVITY, SPECIFICITY = 0.08, 0.90, 0.93
PPV = PREVALENCE * SENSITIVITY / (PREVALENCE * SENSITIVITY + (1 - PREVALENCE) * (1 - SPECIFICITY))

PORTABLES = 0.7
"""Share of the early inpatient exams that are portable chest films."""

SHAPES = {
    1: [2, 2, 2, 2, 2, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 5, 4, 3],
    4: [2, 2, 2, 3, 8, 9, 9, 7, 6, 6, 6, 5, 5, 5, 5, 4, 4, 3, 3, 2, 2, 2, 2, 2],
    5: [0, 0, 0, 0, 0, 0, 1, 4, 10, 11, 11, 10, 9, 10, 11, 10, 8, 4, 1, 0, 0, 0, 0, 0],
}
"""Relative arrivals by hour: emergency (classes 1 to 3), inpatients, outpatients."""

WEEKDAY_SHIFTS = ((7, 16),) * 3 + ((8, 17),) * 5 + ((11, 20),) * 2 + ((14, 23),) * 2 + ((22, 31),) * 2
WEEKEND_SHIFTS = ((7, 16),) * 2 + ((8, 17),) * 2 + ((11, 20),) + ((14, 23),) + ((22, 31),) * 2
"""(from, to) hours; 31 is seven in the morning. Fourteen on a weekday. Somebody is there late at weekends too: else one
reader is alone from 17 to 22 h with twice what one can read, and four of five avoidable breaches fall into them."""

WEEKEND_VOLUME = 0.55


def _skills(n: int) -> frozenset[int]:
    """Four primary skills of the seven each, spread evenly over the shifts."""
    return frozenset([n % 7, (n + 2 + n // 7) % 7, (n + 4 + n // 7) % 7, (n + 5 + n // 7) % 7])


def readers() -> list[Reader]:
    """One reader for each shift of the week, there on all its days."""
    found: list[Reader] = []
    for shifts, days in ((WEEKDAY_SHIFTS, range(5)), (WEEKEND_SHIFTS, range(5, 7))):
        for n, (begin, end) in enumerate(shifts):
            spans = [(d * DAY + begin * 60.0, d * DAY + end * 60.0) for d in range(DAYS + 3) if d % 7 in days]
            found.append(Reader(len(found), _skills(n), spans))
    return found


def _minutes_there() -> float:
    return sum(end - begin for reader in readers() for begin, end in reader.spans if begin < DAYS * DAY)


def jobs(load: float, seed: int) -> list[Job]:
    """The cases of DAYS days that need ``load`` of the readers' time, if all are read by those with the skill."""
    dice = random.Random(seed)
    weights = [kind.weight for kind in KINDS]
    mean = sum(k.weight * k.median * math.exp(k.sigma**2 / 2) for k in KINDS) / sum(weights)
    days = [WEEKEND_VOLUME if day % 7 >= 5 else 1.0 for day in range(DAYS)]
    per_day = load * _minutes_there() / mean / sum(days)
    found: list[Job] = []
    for day, volume in enumerate(days):
        for urgency, share in CLASSES:
            shape = SHAPES[1 if urgency <= 3 else urgency]
            for hour, part in enumerate(shape):
                rate = per_day * volume * share * part / sum(shape) / 60.0
                found += _hour(dice, urgency, day * DAY + hour * 60.0, rate, weights)
    found.sort(key=lambda job: job.arrive)
    return [replace(job, id=n) for n, job in enumerate(found)]


def _hour(dice: random.Random, urgency: int, begin: float, rate: float, weights: list[float]) -> list[Job]:
    found, at = [], begin
    while rate > 0:
        at += dice.expovariate(rate)
        if at >= begin + 60.0:
            break
        kind = dice.choices(KINDS, weights)[0]
        if urgency == 4 and 4 <= begin % DAY / 60.0 < 8 and dice.random() < PORTABLES:
            kind = KINDS[3]
        service = min(kind.median * math.exp(kind.sigma * dice.gauss(0, 1)), 120.0)
        sla = float(CLASS_SLA[urgency])
        job = Job(
            0, at, urgency, kind.pool, kind.median, service, at + sla, sla, PRESET.class_points(urgency), at + sla
        )
        if kind.ai:
            job.truth = dice.random() < PREVALENCE
            job.ai_positive = dice.random() < (SENSITIVITY if job.truth else 1 - SPECIFICITY)
            job.ai_at, job.ai_ppv = at + dice.uniform(2, 8), PPV
        found.append(job)
    return found
