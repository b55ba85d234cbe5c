"""Made-up hospitals, drawn at random: how many read, what comes and when, who has which skill, what goes wrong.

The ranges are wider than any one house: a policy is good if it holds in nearly all of them. Same seed, same hospital;
same seed and run, same days. Seeds for tuning and seeds for judging are kept apart (``JUDGING_SEED``).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from worklist.rules.policy import PRESET
from worklist.rules.score import CLASS_SLA

from .engine import Job, Reader
from .workload import CLASSES, DAY, DAYS, KINDS, POOLS, PORTABLES, SENSITIVITY, SHAPES, Kind

JUDGING_SEED = 90_000
"""First of the seeds by which a change of the policy is judged, once; tuning draws from those below."""

DAY_SHIFTS = ((7, 16), (8, 17), (8, 17), (9, 18), (11, 20))
EVENING_SHIFTS = ((14, 23), (13, 22), (15, 24))
NIGHT = (22, 31)
"""(from, to) hours; 31 is seven in the morning."""

INTERRUPTION_MINUTES = 1.5
LONGEST_READING_MINUTES = 120.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A scanner stands still: what would have come from ``begin`` to ``end`` comes after it, four times as fast."""

    pool: int
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class MassCasualty:
    """In the hour from ``begin`` so many more CTs come, nearly all of them STAT."""

    begin: float
    cases: int


@dataclass(slots=True)
class Hospital:
    """What was drawn. ``off_skill``: how many times as long reading takes off the primary skill; ``calls``: an hour."""

    seed: int
    load: float
    off_skill: float
    ai_ppv: float
    prevalence: float
    calls: float
    weekend_volume: float
    classes: tuple[float, ...]
    weights: list[float]
    shapes: dict[int, list[float]]
    roster: list[tuple[frozenset[int], list[tuple[float, float]]]] = field(default_factory=list)
    outage: Outage | None = None
    mass_casualty: MassCasualty | None = None

    def readers(self) -> list[Reader]:
        """Fresh readers of the roster."""
        return [Reader(n, skills, spans, None, self.off_skill) for n, (skills, spans) in enumerate(self.roster)]

    def jobs(self, run: int) -> list[Job]:
        """The cases of DAYS days, by when they come."""
        dice = random.Random(self.seed * 1_000_003 + run)
        found = [self._job(dice, at, urgency, kind) for at, urgency, kind in self._arrivals(dice)]
        found.sort(key=lambda job: job.arrive)
        for n, job in enumerate(found):
            job.id = n
        return found

    def describe(self) -> str:
        """One line for the table."""
        wrong = [name for name, what in (("outage", self.outage), ("casualties", self.mass_casualty)) if what]
        return (
            f"{len(self.roster):2} shifts, load {self.load:.2f}, off skill +{100 * (self.off_skill - 1):2.0f} %, "
            f"PPV {self.ai_ppv:.2f}{', ' if wrong else ''}{', '.join(wrong)}"
        )

    def _arrivals(self, dice: random.Random) -> Iterator[tuple[float, int, Kind]]:
        per_day = self._cases_a_day()
        for day in range(DAYS):
            volume = self.weekend_volume if day % 7 >= 5 else 1.0
            for urgency, share in enumerate(self.classes, 1):
                shape = self.shapes[1 if urgency <= 3 else urgency]
                for hour, part in enumerate(shape):
                    begin, rate = day * DAY + hour * 60.0, per_day * volume * share * part / 60.0
                    for at in _poisson(dice, begin, rate):
                        early = urgency == 4 and 4 <= hour < 8 and dice.random() < PORTABLES
                        yield self._delayed(at, KINDS[3] if early else dice.choices(KINDS, self.weights)[0], urgency)
        if self.mass_casualty:
            for _ in range(self.mass_casualty.cases):
                at = self.mass_casualty.begin + dice.uniform(0, 60)
                yield at, dice.choice((1, 2, 2, 2)), dice.choice((KINDS[0], KINDS[2], KINDS[4]))

    def _delayed(self, at: float, kind: Kind, urgency: int) -> tuple[float, int, Kind]:
        out = self.outage
        if out and out.pool == kind.pool and out.begin <= at < out.end:
            at = out.end + (at - out.begin) / 4
        return at, urgency, kind

    def _job(self, dice: random.Random, at: float, urgency: int, kind: Kind) -> Job:
        minutes = min(kind.median * math.exp(kind.sigma * dice.gauss(0, 1)), LONGEST_READING_MINUTES)
        interrupted = sum(1 for _ in _poisson(dice, 0.0, self.calls / 60.0, minutes))
        sla = float(CLASS_SLA[urgency])
        due, points = at + sla, PRESET.class_points(urgency)
        service = minutes + INTERRUPTION_MINUTES * interrupted
        job = Job(0, at, urgency, kind.pool, kind.median, service, due, sla, points, due)
        if kind.ai:
            p, ppv = self.prevalence, self.ai_ppv
            false_alarms = p * SENSITIVITY * (1 - ppv) / (ppv * (1 - p))  # so that the PPV comes out
            job.truth = dice.random() < p
            job.ai_positive = dice.random() < (SENSITIVITY if job.truth else false_alarms)
            job.ai_at, job.ai_ppv = at + dice.uniform(2, 8), ppv
        return job

    def _cases_a_day(self) -> float:
        """As many on a weekday as need ``load`` of the readers' time, each read by somebody with the primary skill."""
        mean = sum(w * k.median * math.exp(k.sigma**2 / 2) for k, w in zip(KINDS, self.weights, strict=True))
        mean *= (1 + self.calls * INTERRUPTION_MINUTES / 60.0) / sum(self.weights)
        there = sum(end - begin for _, spans in self.roster for begin, end in spans if begin < DAYS * DAY)
        volume = sum(self.weekend_volume if day % 7 >= 5 else 1.0 for day in range(DAYS))
        return self.load * there / mean / volume


def draw_hospital(seed: int) -> Hospital:
    """6 to 25 shifts on a weekday, load .75 to .95, 2 to 5 skills of seven, up to half as slow off the skill."""
    dice = random.Random(seed * 7919 + 13)
    shares = [share * math.exp(dice.gauss(0, 0.35)) for _, share in CLASSES]
    flatness, move = dice.uniform(0, 0.4), dice.randint(-1, 2)
    hospital = Hospital(
        seed,
        load=dice.uniform(0.75, 0.95),
        off_skill=1.0 + dice.uniform(0, 0.5),
        ai_ppv=dice.uniform(0.27, 0.89),
        prevalence=dice.uniform(0.03, 0.15),
        calls=dice.uniform(0, 8),
        weekend_volume=dice.uniform(0.4, 0.7),
        classes=tuple(share / sum(shares) for share in shares),
        weights=[kind.weight * math.exp(dice.gauss(0, 0.4)) for kind in KINDS],
        shapes={
            key: [(1 - flatness) * shape[(h - move) % 24] / sum(shape) + flatness / 24 for h in range(24)]
            for key, shape in SHAPES.items()
        },
    )
    hospital.roster = _draw_roster(dice, hospital.weights)
    if dice.random() < 0.5:
        begin = dice.randint(3, 14) * DAY + dice.uniform(8, 12) * 60
        hospital.outage = Outage(dice.randrange(3), begin, begin + dice.uniform(4, 10) * 60)
    if dice.random() < 0.5:
        hospital.mass_casualty = MassCasualty(
            dice.randint(3, 14) * DAY + dice.randint(8, 22) * 60, dice.randint(10, 30)
        )
    return hospital


def _draw_roster(dice: random.Random, weights: list[float]) -> list[tuple[frozenset[int], list[tuple[float, float]]]]:
    """Skills and times of each shift: nights, evenings, the rest by day; fewer at weekends; some sick calls."""
    size, sick = dice.randint(6, 25), dice.uniform(0, 0.04)
    fewest = dice.randint(2, 4)
    most = dice.randint(fewest, 5)
    nights, evenings = max(1, round(size * dice.uniform(0.1, 0.2))), max(1, round(size * dice.uniform(0.15, 0.3)))
    weekday = [NIGHT] * nights + [dice.choice(EVENING_SHIFTS) for _ in range(evenings)]
    weekday += [dice.choice(DAY_SHIFTS) for _ in range(size - len(weekday))]
    weekend = [NIGHT] * max(1, round(nights * 0.7)) + [EVENING_SHIFTS[0]] * max(1, round(evenings * 0.6))
    wanted = max(3, round(size * dice.uniform(0.35, 0.7)))
    weekend += [dice.choice(DAY_SHIFTS) for _ in range(wanted - len(weekend))]
    demand = [sum(w for k, w in zip(KINDS, weights, strict=True) if k.pool == pool) for pool in range(len(POOLS))]
    roster: list[tuple[frozenset[int], list[tuple[float, float]]]] = []
    for shifts, days in ((weekday, range(5)), (weekend, range(5, 7))):
        for begin, end in shifts:
            skills = {len(roster) % len(POOLS)}  # every skill is somewhere on the roster
            wanted = dice.randint(fewest, most)
            while len(skills) < wanted:
                skills |= set(dice.choices(range(len(POOLS)), demand))
            there = [d for d in range(DAYS + 3) if d % 7 in days and (d > DAYS or dice.random() >= sick)]
            roster.append((frozenset(skills), [(d * DAY + begin * 60.0, d * DAY + end * 60.0) for d in there]))
    return roster


def _poisson(dice: random.Random, begin: float, rate: float, length: float = 60.0) -> Iterator[float]:
    """Moments of a Poisson process of so many a minute."""
    at = begin
    while rate > 0:
        at += dice.expovariate(rate)
        if at >= begin + length:
            return
        yield at
