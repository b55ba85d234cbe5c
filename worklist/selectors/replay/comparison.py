"""Try it: what a draft of the rules would have done with a period of the past. Reads, and touches nothing.

The period's cases come again as they came, to the readers who were on the roster, and take as long to read as they
took. What became known of them comes again when it came: AI results and their end, marks, priorities, clocks that
stood still; and a case that was reserved for a reader is given to nobody else. They are played twice through
the simulation, which runs the rules of production: once priced as they were, once by the draft. Both are
simulated, so that their difference is the rules' and not the simulation's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from ris.catalog.models import Subspecialty
from ris.kernel.errors import Invalid
from ris.people.models import User
from worklist.rules.language.parser import Rule
from worklist.simulation.engine import Job

from ..rules_in_force import policy_in_force
from .past import past_cases, readers_of_period
from .player import Played, as_drafted, as_it_was, play

LONGEST = timedelta(days=92)
MOST_SHOWN = 200
Progress = Callable[[float], None]


def replay(
    rules: Sequence[Rule],
    *,
    sites: Sequence[int],
    since: datetime,
    until: datetime,
    viewer: User | None = None,
    progress: Progress = lambda part: None,
) -> dict[str, Any]:
    """Compare the rules of then with ``rules``. Raises Invalid for a period that is empty or too long."""
    if not since < until <= since + LONGEST:
        raise Invalid(f"A period of at most {LONGEST.days} days is wanted.", at="until")
    past = past_cases(sites, since, until, viewer=viewer)
    if not past:
        raise Invalid("No case was opened in this period.", at="since")
    progress(0.2)
    readers, numbers = readers_of_period(since, until)
    policy = policy_in_force()
    names = dict(User.objects.filter(pk__in=numbers).values_list("username", "pk"))
    pools = dict(Subspecialty.objects.values_list("code", "pk"))
    was = [as_it_was(case, numbers, policy) for case in past]
    drafted = []
    for n, case in enumerate(past):
        drafted.append(as_drafted(case, rules, pools, numbers, names, policy))
        if n % 500 == 0:
            progress(0.2 + 0.3 * n / len(past))
    before = play(was, readers, policy)
    progress(0.75)
    after = play(drafted, readers, policy)
    progress(1.0)
    return {
        "cases": len(past),
        "before": _summary(before),
        "after": _summary(after),
        "load": _load(before, after),
        "changed": _changed(was, drafted, before, after),
    }


def _summary(jobs: Sequence[Job]) -> dict[str, Any]:
    read = [job for job in jobs if job.finish >= 0]
    tats = sorted(job.finish - job.arrive for job in read)
    by_class: dict[int, list[Job]] = defaultdict(list)
    for job in jobs:
        by_class[job.urgency].append(job)
    return {
        "read": len(read),
        "tat_median": round(tats[len(tats) // 2], 1) if tats else None,
        "tat_p90": round(tats[int(len(tats) * 0.9)], 1) if tats else None,
        "breaches": sum(_breach(job) for job in jobs),
        "by_class": {
            urgency: {"cases": len(some), "breaches": sum(_breach(job) for job in some)}
            for urgency, some in sorted(by_class.items())
        },
        "matched": round(sum(job.matched for job in read) / max(len(read), 1), 3),
    }


def _breach(job: Job) -> bool:
    return job.finish < 0 or job.finish > job.due


def _load(before: Sequence[Job], after: Sequence[Job]) -> dict[str, float]:
    """The longest and shortest load of a reader, in minutes read, under both."""
    found: dict[str, float] = {}
    for name, jobs in (("before", before), ("after", after)):
        total: dict[int, float] = defaultdict(float)
        for job in jobs:
            if job.reader >= 0:
                total[job.reader] += job.finish - job.start
        found |= {f"{name}_most": round(max(total.values(), default=0.0), 1)}
        found |= {f"{name}_least": round(min(total.values(), default=0.0), 1)}
    return found


def _changed(
    was: Sequence[Played], drafted: Sequence[Played], before: Sequence[Job], after: Sequence[Job]
) -> list[dict[str, Any]]:
    """The cases that the draft would treat differently, those whose turnaround changes most first."""
    rows: list[dict[str, Any]] = []
    for one, other, old, new in zip(was, drafted, before, after, strict=True):
        told_old, told_new = one.told(), other.told()
        if told_old == told_new and one.only == other.only:
            continue
        delta = (new.finish - old.finish) if old.finish >= 0 and new.finish >= 0 else None
        rows.append(
            {
                "item": one.case.item_id,
                "accession": one.case.accession,
                "before": told_old,
                "after": told_new,
                "tat_change": None if delta is None else round(delta, 1),
                "breach": [_breach(old), _breach(new)],
            }
        )
    rows.sort(key=lambda row: -abs(row["tat_change"] or 0.0))
    return rows[:MOST_SHOWN]
