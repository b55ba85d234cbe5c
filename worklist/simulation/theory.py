"""What queueing theory says of cases for which it has an answer, and the simulation's own answer beside it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .engine import Job, Reader, Simulation
from .policies import OneQueue

AI_POSITIVE = 0.1 * 0.9 + 0.9 * 0.1
"""Share of cases an AI calls positive: prevalence .1, sensitivity .9, specificity .9."""


@dataclass(frozen=True, slots=True)
class Setting:
    """λ a minute, exponential reads of ``mean`` minutes, so many readers; positives first or all in order."""

    name: str
    rate: float
    mean: float
    readers: int
    positives_first: bool
    preempts: bool
    positive_wait: float
    negative_wait: float


SETTINGS = (
    Setting("one reader, first come first served", 0.08, 10.0, 1, False, False, 40.0, 40.0),
    Setting("one reader, AI+ first (Cobham)", 0.08, 10.0, 1, True, False, 9.346, 46.729),
    Setting("one reader, AI+ interrupts", 0.08, 10.0, 1, True, True, 1.682, 48.411),
    Setting("two readers, AI+ first", 0.16, 10.0, 2, True, False, 4.154, 20.768),
)
"""Mean waits in minutes, as published for these settings."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Mean waits of one setting, with AI results positive and negative."""

    setting: Setting
    positive_wait: float
    negative_wait: float

    @property
    def conserved(self) -> float:
        """Σ λ W of the simulation relative to that of theory: 1, since all reads are alike."""
        share, s = AI_POSITIVE, self.setting
        ours = share * self.positive_wait + (1 - share) * self.negative_wait
        return ours / (share * s.positive_wait + (1 - share) * s.negative_wait)

    def off(self) -> float:
        """The larger relative difference of the two waits."""
        s = self.setting
        return max(abs(self.positive_wait / s.positive_wait - 1), abs(self.negative_wait / s.negative_wait - 1))


def answer(setting: Setting, *, jobs: int, seed: int) -> Answer:
    """Simulate a setting; the first tenth warms up and is not counted."""
    dice = random.Random(seed)
    made, at = [], 0.0
    for n in range(jobs):
        at += dice.expovariate(setting.rate)
        service = dice.expovariate(1 / setting.mean)
        positive = dice.random() < AI_POSITIVE
        made.append(Job(n, at, 1, 0, setting.mean, service, 0.0, 1.0, 1.0, 0.0, ai_positive=positive))
    services = [job.service for job in made]
    forever = [(0.0, float("inf"))]
    readers = [Reader(n, frozenset([0]), forever) for n in range(setting.readers)]

    def key(job: Job) -> float:
        return job.arrive + (0.0 if job.ai_positive or not setting.positives_first else 1e12)

    policy = OneQueue(key, preempts=setting.preempts)
    if setting.preempts:
        policy = OneQueue(lambda job: 0.0 if job.ai_positive else 1.0, preempts=True)
    Simulation(made, readers, policy).run()
    waits: dict[bool, list[float]] = {True: [], False: []}
    for job in made[jobs // 10 :]:
        waits[job.ai_positive].append(job.finish - job.arrive - services[job.id])
    return Answer(setting, _mean(waits[True]), _mean(waits[False]))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
