"""Try it: what a draft of the rules would have done with a period of the past. Reads, and touches nothing.

The period's cases come again as they came, to the readers who were on the roster, and take as long to read as they
took. They are played twice through the simulation, which runs the rules of production: once priced as they
were, once by the draft. Both are simulated, so that their difference is the rules' and not the simulation's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ris.catalog.models import Subspecialty
from ris.kernel.errors import Invalid
from worklist.models import Decision, ReadingItem, Skill
from worklist.rules.facts import NAMES, Facts
from worklist.rules.lanes import minutes
from worklist.rules.language import REACHES, Rule
from worklist.rules.pricing import decide
from worklist.simulation.engine import Job, Reader, Simulation
from worklist.simulation.policies import Lanes

from .roster import roster

MOST_CASES = 50_000
LONGEST = timedelta(days=92)
MOST_SHOWN = 200
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Past:
    """A case of the period: as it was priced, the facts of then, and minutes that reading it took."""

    item_id: int
    accession: str
    site_zone: str
    opened_at: datetime
    began_at: datetime
    facts: Facts
    pool: int
    kept: dict[str, Any]
    urgency: int
    took: float


def replay(
    rules: Sequence[Rule],
    *,
    sites: Sequence[int],
    since: datetime,
    until: datetime,
    progress: Progress = lambda part: None,
) -> dict[str, Any]:
    """Compare the rules of then with ``rules``. Raises Invalid for a period that is empty or too long."""
    if not since < until <= since + LONGEST:
        raise Invalid(f"A period of at most {LONGEST.days} days is wanted.", at="until")
    past = _cases(sites, since, until)
    if not past:
        raise Invalid("No case was opened in this period.", at="since")
    progress(0.2)
    pools = dict(Subspecialty.objects.values_list("code", "pk"))
    before = [_job(n, case) for n, case in enumerate(past)]
    after = []
    for n, case in enumerate(past):
        after.append(_drafted(n, case, rules, pools))
        if n % 500 == 0:
            progress(0.2 + 0.3 * n / len(past))
    readers = _readers(since, until)
    _play(before, readers)
    progress(0.75)
    _play(after, readers)
    progress(1.0)
    return {
        "cases": len(past),
        "before": _summary(before),
        "after": _summary(after),
        "load": _load(before, after),
        "changed": _changed(past, before, after),
    }


def _cases(sites: Sequence[int], since: datetime, until: datetime) -> list[Past]:
    opened = Decision.objects.filter(
        kind=Decision.OPENED, item__site__in=sites, item__opened_at__gte=since, item__opened_at__lt=until
    )
    rows = opened.select_related("item__procedure__order", "item__site").order_by("item__opened_at", "item")
    found = []
    for row in rows[:MOST_CASES]:
        item = row.item
        facts: dict[str, Any] = {
            name: tuple(value) if NAMES[name] is tuple else value
            for name, value in row.body["facts"].items()
            if name in NAMES
        }
        facts["reason"] = item.procedure.order.reason
        found.append(
            Past(
                item.pk, item.accession, item.site.time_zone, item.opened_at, _began(row, item), Facts(**facts),
                item.pool, row.body["case"], row.body["urgency"], _took(item),
            )
        )  # fmt: skip
    return found


def _began(row: Decision, item: ReadingItem) -> datetime:
    """When its SLA clock began, as it was kept."""
    clock = row.body.get("clock")
    return datetime.fromisoformat(clock["began"]) if clock else item.opened_at


def _took(item: ReadingItem) -> float:
    """From claim to signature, where that is believable; else what is expected."""
    if item.claimed_at and item.finished_at:
        spent = (item.finished_at - item.claimed_at) / timedelta(minutes=1)
        if 0.2 <= spent <= 8 * item.reading_minutes:
            return spent
    return item.reading_minutes


def _job(n: int, case: Past) -> Job:
    due, arrive = minutes(datetime.fromisoformat(case.kept["due"])), minutes(case.opened_at)
    return Job(
        n, arrive, case.urgency, case.pool, case.kept["reading"], case.took, due, case.kept["sla"],
        case.kept["weight"], due, case.kept["points"],
    )  # fmt: skip


def _drafted(n: int, case: Past, rules: Sequence[Rule], pools: dict[str, int]) -> Job:
    day = case.opened_at.astimezone(ZoneInfo(case.site_zone)).date()
    outcome, pricing = decide(case.facts, rules, day, clock=lambda urgency: case.began_at)
    due = minutes(pricing.case.due_at)
    return replace(
        _job(n, case),
        urgency=pricing.urgency,
        pool=pools.get(outcome.effects.get("subspecialty", ""), case.pool),
        due=due,
        price_due=due,
        sla=pricing.case.sla_minutes,
        weight=pricing.case.weight,
        points=pricing.case.points,
        reach=REACHES.get(outcome.effects.get("pool", ""), 0),
    )


def _readers(since: datetime, until: datetime) -> list[Reader]:
    """Who was on the roster; people go on for two days, so that the period's last cases are read, too."""
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for duty in roster().between(since, until + timedelta(days=2)):
        spans[duty.reader_id].append((minutes(duty.span.start), minutes(duty.span.end)))
    primary: dict[int, set[int]] = defaultdict(lambda: {0})
    secondary: dict[int, set[int]] = defaultdict(set)
    for skill in Skill.objects.filter(reader__in=spans):
        (primary if skill.level == Skill.PRIMARY else secondary)[skill.reader_id].add(skill.subspecialty_id)
    if not spans:
        raise Invalid("Nobody was on the roster in this period.", at="since")
    return [
        Reader(n, frozenset(primary[pk]), sorted(spans[pk]), frozenset(secondary[pk]))
        for n, pk in enumerate(sorted(spans))
    ]


def _play(jobs: list[Job], readers: list[Reader]) -> None:
    Simulation(jobs, [replace(reader) for reader in readers], Lanes()).run()


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


def _changed(past: Sequence[Past], before: Sequence[Job], after: Sequence[Job]) -> list[dict[str, Any]]:
    """The cases that the draft would treat differently, those whose turnaround changes most first."""
    rows: list[dict[str, Any]] = []
    for case, old, new in zip(past, before, after, strict=True):
        told_old, told_new = _told(old), _told(new)
        if told_old == told_new:
            continue
        delta = (new.finish - old.finish) if old.finish >= 0 and new.finish >= 0 else None
        rows.append(
            {
                "item": case.item_id,
                "accession": case.accession,
                "before": told_old,
                "after": told_new,
                "tat_change": None if delta is None else round(delta, 1),
                "breach": [_breach(old), _breach(new)],
            }
        )
    rows.sort(key=lambda row: -abs(row["tat_change"] or 0.0))
    return rows[:MOST_SHOWN]


def _told(job: Job) -> dict[str, Any]:
    return {
        "urgency": job.urgency, "sla": round(job.sla), "pool": job.pool, "points": job.points, "reach": job.reach,
    }  # fmt: skip
