"""What came of a run, and of several, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from .engine import Job, Simulation
from .policies import POLICIES
from .workload import DAY, WARM_UP, jobs, readers

BASELINE = {
    0.84: {
        "breaches %": 0.35,
        "class 2 p95 min": 32.0,
        "AI-true low mean min": 10.9,
        "matched %": 76.0,
        "class 4 max min": 1103.0,
    },
    0.97: {
        "breaches %": 0.98,
        "class 2 breaches %": 1.20,
        "AI-true low mean min": 12.3,
        "matched %": 86.0,
        "class 4 max min": 1390.0,
    },
}
"""Rows of an earlier simulation with a workload of its own, to be beaten: each is a best that no one policy had."""


PAIRED = "more breaches than ours %"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its standard error."""

    mean: float
    error: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.error:.2f}"


def measure(done: Sequence[Job]) -> dict[str, float]:
    """Waits run from arrival to the begin of reading, breaches are reads that end after the class's SLA."""
    counted = [job for job in done if job.arrive >= WARM_UP * DAY]
    second = [job for job in counted if job.urgency == 2]
    fourth = [job for job in counted if job.urgency == 4]
    low_true = [job for job in counted if job.urgency >= 4 and job.truth and job.ai_positive]
    waits = sorted(_wait(job) for job in second)
    return {
        "breaches %": 100 * _share(counted),
        "class 2 breaches %": 100 * _share(second),
        "class 2 p95 min": waits[int(0.95 * len(waits))],
        "class 2 max min": waits[-1],
        "AI-true low mean min": sum(map(_wait, low_true)) / max(len(low_true), 1),
        "unavoidable %": 100 * sum(job.service > job.sla_of_class for job in counted) / len(counted),
        "matched %": 100 * sum(job.matched for job in counted) / len(counted),
        "class 4 max min": max(map(_wait, fourth)),
        "mean wait min": sum(map(_wait, counted)) / len(counted),
    }


def _wait(job: Job) -> float:
    return (job.start if job.start >= 0 else math.inf) - job.arrive


def _share(some: Sequence[Job]) -> float:
    return sum(job.finish < 0 or job.finish > job.due for job in some) / max(len(some), 1)


def verdicts(load: float, ours: dict[str, Estimate]) -> list[tuple[str, float, float, bool]]:
    """(measure, baseline, ours, whether it is at least as good) for a load that there is a baseline for."""
    found = []
    for name, wanted in BASELINE[load].items():
        got = ours[name].mean
        found.append((name, wanted, got, got >= wanted if name == "matched %" else got <= wanted))
    return found


def compare(load: float, seeds: Sequence[int]) -> tuple[dict[str, dict[str, Estimate]], int, float]:
    """Policy → measure → estimate over the seeds; cases simulated; seconds.

    The days are the same for every policy, so that the difference of two (``PAIRED``) is known better than either.
    """
    found: dict[str, dict[str, Estimate]] = {}
    every: dict[str, list[dict[str, float]]] = {}
    cases, seconds = 0, 0.0
    for name, make in POLICIES.items():
        runs = []
        for seed in seeds:
            days = jobs(load, seed)
            started = perf_counter()
            Simulation(days, readers(), make()).run()
            seconds += perf_counter() - started
            cases += len(days)
            runs.append(measure(days))
        every[name] = runs
        found[name] = {key: estimate([run[key] for run in runs]) for key in runs[0]}
    for name, runs in every.items():
        more = [run["breaches %"] - ours["breaches %"] for run, ours in zip(runs, every["ours"], strict=True)]
        found[name][PAIRED] = estimate(more)
    return found, cases, seconds


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent values, with its standard error."""
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return Estimate(mean, math.sqrt(spread / len(values)))
