"""Policies against each other in many hospitals: in how many is ours no worse than the best simple policy?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from .engine import Simulation
from .hospitals import Hospital, draw_hospital
from .measure import Estimate, estimate, measure
from .policies import POLICIES, SIMPLE, Lanes, OneQueue

TOLERANCE = 1.05
"""No worse by more than 5 %."""

JUDGED = ("breaches %", "class 2 breaches %", "class 2 p95 min", "AI-true low mean min")
AI_MEASURE, AI_RIVAL = "AI-true low mean min", "earliest due"
"""What AI finds is compared with earliest-due, which knows of it; strict priority does not, and no policy may lose to
earliest-due there without a reason."""

EVEN = 0.02
"""Percentage points (or minutes) within which two policies are even: a case or two of ten thousand."""


@dataclass(frozen=True, slots=True)
class Match:
    """One hospital: policy → measure → estimate over the runs."""

    hospital: Hospital
    rows: dict[str, dict[str, Estimate]]

    def best_simple(self, name: str) -> float:
        """The best that one of the simple policies has."""
        if name == AI_MEASURE:
            return self.rows[AI_RIVAL][name].mean
        return min(self.rows[policy][name].mean for policy in SIMPLE)

    def holds(self, name: str, policy: str = "ours") -> bool:
        """Whether a policy is no worse than the best simple one by more than the tolerance."""
        return self.rows[policy][name].mean <= self.best_simple(name) * TOLERANCE + EVEN


def play_hospitals(
    seeds: Sequence[int], runs: int, policies: dict[str, Callable[[], OneQueue | Lanes]] | None = None
) -> Iterator[tuple[Match, int, float]]:
    """Each hospital's match, with the cases simulated and the seconds that took. The same days for every policy."""
    for seed in seeds:
        hospital, cases, seconds = draw_hospital(seed), 0, 0.0
        rows: dict[str, dict[str, Estimate]] = {}
        for name, make in (policies or POLICIES).items():
            found = []
            for run in range(runs):
                jobs = hospital.jobs(run)
                started = perf_counter()
                Simulation(jobs, hospital.readers(), make()).run()
                seconds += perf_counter() - started
                cases += len(jobs)
                found.append(measure(jobs))
            rows[name] = {key: estimate([one[key] for one in found]) for key in found[0]}
        yield Match(hospital, rows), cases, seconds


def wins(matches: Sequence[Match], policy: str = "ours") -> dict[str, int]:
    """Measure → in how many hospitals the policy holds."""
    return {name: sum(match.holds(name, policy) for match in matches) for name in JUDGED}


def means(matches: Sequence[Match]) -> dict[str, dict[str, Estimate]]:
    """Policy → measure → mean over the hospitals, with the standard error of that mean."""
    return {
        policy: {key: estimate([match.rows[policy][key].mean for match in matches]) for key in matches[0].rows[policy]}
        for policy in matches[0].rows
    }
