"""Playing a period of the past through the simulation, with what was learned of its cases as they waited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from worklist.rules.language.parser import REACHES, Rule
from worklist.rules.policy import Policy
from worklist.rules.pricing import decide
from worklist.rules.score import minutes
from worklist.simulation.engine import AI, Job, Reader, Simulation
from worklist.simulation.policies import Lanes

from .past import Known, Past

Columns = dict[str, Any]


@dataclass(slots=True)
class Played:
    """A case as one of the two rule sets has it: the columns of its job from each moment on."""

    case: Past
    columns: list[tuple[float, Columns]]
    only: int = -1
    skill: int = -1

    def job(self, n: int) -> Job:
        """As it came."""
        first, case = self.columns[0][1], self.case
        return Job(
            n, minutes(case.opened_at), first["urgency"], first["pool"], case.known[0].case["reading"], case.took,
            first["due"], first["sla"], first["class_points"], first["due"], first["points"], first["reach"],
            only=self.only, skill=self.skill,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        """As it was priced last."""
        last = self.columns[-1][1]
        asked = {} if self.skill < 0 else {"skill_needed": self.skill}
        return {
            "urgency": last["urgency"], "sla": round(last["sla"]), "pool": last["pool"], "points": last["points"],
            "reach": last["reach"], **asked,
        }  # fmt: skip


def as_it_was(case: Past, numbers: dict[int, int], policy: Policy) -> Played:
    """By the rules of then. ``numbers``: reader → number in the simulation."""
    columns = [
        (
            minutes(known.at),
            _columns(
                known.urgency, datetime.fromisoformat(known.case["due"]), known.case["sla"], known.class_points(policy),
                known.case["points"], case.pool, 0,
            ),
        )
        for known in case.known
    ]  # fmt: skip
    return Played(case, columns, numbers.get(case.reserved_for or 0, -1), case.skill_needed or -1)


def as_drafted(
    case: Past,
    rules: Sequence[Rule],
    pools: dict[str, int],
    numbers: dict[int, int],
    readers: dict[str, int],
    policy: Policy,
) -> Played:
    """By the draft, asked again whenever something became known. ``readers``: user name → reader."""
    columns, only, skill = [], -1 if case.by_rule else numbers.get(case.reserved_for or 0, -1), -1
    for known in case.known:
        effects, found = _decided(known, case, rules, policy)
        columns.append(
            (
                minutes(known.at),
                {
                    **found,
                    "pool": pools.get(effects.get("subspecialty", ""), case.pool),
                    "reach": REACHES.get(effects.get("pool", ""), 0),
                },
            )
        )
        skill = pools.get(effects.get("skill_needed", ""), -1)
        if "reserve" in effects:
            only = numbers.get(readers.get(effects["reserve"], 0), -1)
    return Played(case, columns, only, skill)


def _decided(known: Known, case: Past, rules: Sequence[Rule], policy: Policy) -> tuple[dict[str, Any], Columns]:
    outcome, pricing = decide(
        known.facts,
        rules,
        known.at.astimezone(ZoneInfo(case.site_zone)).date(),
        clock=lambda urgency: known.began_at,
        paused=known.paused,
        findings=known.findings,
        policy=policy,
    )
    of = pricing.case
    return outcome.effects, _columns(
        pricing.urgency, of.due_at, of.sla_minutes, of.class_points, of.points, case.pool, 0
    )


def _columns(
    urgency: int, due: datetime, sla: float, class_points: float, points: float, pool: int, reach: int
) -> Columns:
    return {
        "urgency": urgency, "due": minutes(due), "sla": sla, "class_points": class_points, "points": points,
        "pool": pool, "reach": reach,
    }  # fmt: skip


def play(cases: Sequence[Played], readers: Sequence[Reader], policy: Policy) -> list[Job]:
    """The cases' jobs, read as the lanes of production give them out."""
    jobs, links = [case.job(n) for n, case in enumerate(cases)], dict[tuple[str, int], int]()
    for job, case in zip(jobs, cases, strict=True):
        job.link = links.setdefault(case.case.visit_or_order, len(links))
    run = _Replay(jobs, [replace(reader, next=[]) for reader in readers], Lanes(policy))
    for job, case in zip(jobs, cases, strict=True):
        run.expect(job, case)
    run.run()
    return jobs


@dataclass(slots=True)
class _Replay(Simulation):
    """A simulation in which more can become known of a waiting case, and in which it can be held."""

    ahead: dict[int, list[tuple[float, Callable[[Job, float], bool]]]] = field(default_factory=dict)
    until: dict[int, float] = field(default_factory=dict)

    def expect(self, job: Job, case: Played) -> None:
        """Note what is to happen to a case; the engine is told of one thing at a time, as of an AI result."""
        events: list[tuple[float, Callable[[Job, float], bool]]] = [
            (at, _repricing(columns)) for at, columns in case.columns[1:]
        ]
        events += [(minutes(since), self._holding(minutes(until))) for since, until in case.case.held]
        events += [(minutes(until), _waits_again) for _, until in case.case.held]
        if events:
            self.ahead[job.id] = sorted(events, key=lambda event: event[0])
            job.ai_at = max(self.ahead[job.id][0][0], job.arrive)

    def _holding(self, until: float) -> Callable[[Job, float], bool]:
        def hold(job: Job, now: float) -> bool:
            self.until[job.id] = until
            job.stamp += 1  # what is left of it in queues is old
            return False

        return hold

    def _hear_ai(self, job: Job, now: float) -> None:
        if job.start >= 0 or job.held:  # it is being read, or was: what became known later came too late
            return
        events, moved = self.ahead[job.id], False
        while events and max(events[0][0], job.arrive) <= now:
            moved = events.pop(0)[1](job, now) or moved
        if events:
            self._at(events[0][0], AI, job.id)
        if moved:
            self._offer(job, now)

    def _waits(self, job: Job, now: float) -> bool:
        return Simulation._waits(self, job, now) and now >= self.until.get(job.id, -1.0)

    def _offer(self, job: Job, now: float) -> None:
        if now >= self.until.get(job.id, -1.0):
            Simulation._offer(self, job, now)


def _repricing(columns: Columns) -> Callable[[Job, float], bool]:
    def reprice(job: Job, now: float) -> bool:
        for name, value in columns.items():
            setattr(job, name, value)
        job.price_due = columns["due"]
        return True

    return reprice


def _waits_again(job: Job, now: float) -> bool:
    return True
