"""Which numbers of the score would have served a house's own past better, by how much, and how sure that is.

The past weeks are played through the simulation with the numbers in force and with others near them: the same cases,
roster and reading times. Weeks are compared in pairs, so that a busy week does not hide what the numbers do. Proposed
is the best only where the gain is more than twice its standard error; otherwise there is nothing to propose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from ris.kernel.errors import Invalid
from worklist.rules.policy import MOST_MINUTES, Policy
from worklist.rules.score import minutes
from worklist.simulation.engine import Job, Reader
from worklist.simulation.measure import Estimate, estimate

from .past import Past, past_cases, readers_of_period
from .player import as_it_was, play

WEEK_MINUTES = 7 * 24 * 60.0
FEWEST_WEEKS, MOST_WEEKS = 2, 12
"""Of one week no error can be told; what is older than a season says little about the next month."""

STEPS = (0.5, 2.0)
"""Each number is tried at half and at twice its present value."""
ROUNDS = 2
"""After the best single change, the best second one is looked for."""

SURE = 2.0
"""A gain counts from so many standard errors on."""

MEASURES = ("breaches %", "STAT breaches %", "STAT p95 min", "AI-positive mean min")


@dataclass(frozen=True, slots=True)
class Proposal:
    """``expected``: measure → (present, proposed, change with its error), each a mean over the weeks."""

    policy: Policy
    cases: int
    weeks: int
    expected: dict[str, tuple[float, float, Estimate]]
    gain: Estimate

    def kept(self) -> dict[str, object]:
        """As plain values, to be kept."""
        rows = {
            name: {
                "now": round(now, 2), "then": round(then, 2),
                "change": round(change.mean, 2), "error": round(change.error, 2),
            }
            for name, (now, then, change) in self.expected.items()
        }  # fmt: skip
        return {"weeks": self.weeks, "cases": self.cases, "measures": rows}


Progress = Callable[[float], None]


def tune(
    sites: Sequence[int],
    *,
    until: datetime,
    weeks: int,
    present: Policy,
    progress: Progress = lambda part: None,
) -> Proposal | None:
    """The best policy near the present one for the weeks before ``until``; None where none is surely better.

    Raises Invalid for too few or too many weeks, and where no case was opened or nobody was on the roster.
    """
    cases, weekly = _player(sites, until, weeks)
    before = weekly(present)
    best, best_weeks, best_gain = present, before, Estimate(0.0, 0.0)
    tried = 0
    for _ in range(ROUNDS):
        start = best
        for candidate in _neighbours(start):
            tried += 1
            progress(tried / (ROUNDS * len(STEPS) * len(fields(Policy))))
            found = weekly(candidate)
            gain = _gain(before, found)
            if gain.mean > best_gain.mean:
                best, best_weeks, best_gain = candidate, found, gain
        if best == start:
            break
    if best == present or best_gain.mean <= SURE * best_gain.error:
        return None
    return Proposal(best, cases, weeks, _expected(before, best_weeks), best_gain)


def try_policy(policy: Policy, sites: Sequence[int], *, until: datetime, weeks: int, present: Policy,
               progress: Progress = lambda part: None) -> Proposal:  # fmt: skip
    """What one policy would have made of the weeks before ``until``, for better or worse. Raises Invalid as `tune`."""
    cases, weekly = _player(sites, until, weeks)
    progress(0.2)
    before = weekly(present)
    progress(0.6)
    after = weekly(policy)
    progress(1.0)
    return Proposal(policy, cases, weeks, _expected(before, after), _gain(before, after))


Weekly = list[dict[str, float]]


def _player(sites: Sequence[int], until: datetime, weeks: int) -> tuple[int, Callable[[Policy], Weekly]]:
    """How many cases the weeks had, and what gives the measures of each week, had a policy been in force."""
    if not FEWEST_WEEKS <= weeks <= MOST_WEEKS:
        raise Invalid(f"{FEWEST_WEEKS} to {MOST_WEEKS} weeks are wanted.", at="weeks")
    since = until - timedelta(weeks=weeks)
    past = past_cases(sites, since, until)
    if not past:
        raise Invalid("No case was opened in these weeks.", at="weeks")
    readers, numbers = readers_of_period(since, until)

    def weekly(policy: Policy) -> Weekly:
        return _weekly(past, readers, numbers, policy, minutes(since), weeks)

    return len(past), weekly


def _neighbours(policy: Policy) -> Iterator[Policy]:
    for field in fields(Policy):
        value = getattr(policy, field.name)
        for step in STEPS:
            changed = min((value or 30.0) * step, MOST_MINUTES)
            yield replace(policy, **{field.name: changed})


def _expected(before: Weekly, after: Weekly) -> dict[str, tuple[float, float, Estimate]]:
    found = {}
    for name in MEASURES:
        change = estimate([b[name] - a[name] for a, b in zip(before, after, strict=True)])
        now = estimate([week[name] for week in before]).mean
        found[name] = (now, now + change.mean, change)
    return found


def _gain(before: Weekly, after: Weekly) -> Estimate:
    return estimate([_loss(a) - _loss(b) for a, b in zip(before, after, strict=True)])


def _loss(week: dict[str, float]) -> float:
    """Percentage points of breaches, those of STAT cases twice, and waits in hours."""
    waits = week["STAT p95 min"] + week["AI-positive mean min"]
    return week["breaches %"] + week["STAT breaches %"] + waits / 60.0


def _weekly(
    past: Sequence[Past],
    readers: Sequence[Reader],
    numbers: dict[int, int],
    policy: Policy,
    since: float,
    weeks: int,
) -> Weekly:
    jobs = play([as_it_was(case, numbers, policy) for case in past], readers, policy)
    promoted = {n for n, case in enumerate(past) if any(f.positive for known in case.known for f in known.findings)}
    by_week: list[list[Job]] = [[] for _ in range(weeks)]
    for job in jobs:
        by_week[min(int((job.arrive - since) / WEEK_MINUTES), weeks - 1)].append(job)
    return [_measure(some, promoted) for some in by_week]


def _measure(jobs: Sequence[Job], promoted: set[int]) -> dict[str, float]:
    stat = [job for job in jobs if job.urgency <= 2]
    waits = sorted(_wait(job) for job in stat)
    found = [_wait(job) for job in jobs if job.id in promoted and job.urgency > 2]
    return {
        "breaches %": _breaches(jobs),
        "STAT breaches %": _breaches(stat),
        "STAT p95 min": waits[int(0.95 * len(waits))] if waits else 0.0,
        "AI-positive mean min": sum(found) / len(found) if found else 0.0,
    }


def _wait(job: Job) -> float:
    """Until reading begins; a case that nobody read counts as if it had waited until it was due."""
    return (job.start if job.start >= 0 else job.due) - job.arrive


def _breaches(jobs: Sequence[Job]) -> float:
    late = sum(job.finish < 0 or job.finish > job.due for job in jobs)
    return 100.0 * late / len(jobs) if jobs else 0.0
