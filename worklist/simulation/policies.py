"""Policies: what is read next. ``ours`` is the lanes and score of production, the others it is compared with."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from worklist.rules.eligibility import MOST_URGENT
from worklist.rules.facts import Facts
from worklist.rules.policy import PRESET, Policy
from worklist.rules.pricing import Finding, price
from worklist.rules.score import EPOCH, POOL, PRIMARY, Case, place, reach_of

from .engine import Job, Reader

Entry = tuple[float, int, int, Job]
"""(key, number, stamp, case): lower keys first."""

_MINUTE = timedelta(minutes=1)


def moment(minute: float) -> datetime:
    """The moment that a minute of the simulation stands for."""
    return EPOCH + minute * _MINUTE


def case_of(job: Job) -> Case:
    """The case as production's score sees it."""
    return Case(job.class_points, job.expected, moment(job.price_due), job.sla, job.points)


def apply_ai(job: Job, now: float, policy: Policy = PRESET) -> bool:
    """Price a case with its AI result as production does; whether anything changed."""
    finding = Finding("AI", job.ai_positive, job.ai_ppv, moment(now))
    priced = price(
        Facts(reading_minutes=job.expected),
        began_at=moment(job.arrive),
        urgency=job.urgency,
        sla_minutes=job.due - job.arrive,
        findings=[finding],
        policy=policy,
    )
    due = (priced.case.due_at - EPOCH) / _MINUTE
    if due == job.price_due and priced.case.class_points == job.class_points:
        return False
    job.price_due, job.sla, job.class_points = due, priced.case.sla_minutes, priced.case.class_points
    return True


def fits(job: Job, reader: Reader, room: float, off_skill: float = 1.2) -> bool:
    """Whether it is for this reader, and can be read before the shift is over (the most urgent are exempt)."""
    if not reader.may_ever_read(job):
        return False
    if job.urgency <= MOST_URGENT or room == math.inf:
        return True
    return job.expected * (1.0 if job.pool in reader.primary else off_skill) <= room


def pop_fitting(heap: list[Entry], reader: Reader, room: float) -> Job | None:
    """The first case of a heap that fits; those before it stay."""
    passed: list[Entry] = []
    chosen = None
    while heap:
        entry = heapq.heappop(heap)
        job = entry[3]
        if job.start >= 0 or job.stamp != entry[2]:
            continue
        if fits(job, reader, room):
            chosen = job
            break
        passed.append(entry)
    for entry in passed:
        heapq.heappush(heap, entry)
    return chosen


class OneQueue:
    """Everybody reads everything from one queue, ordered by a key that does not change."""

    def __init__(self, key: Callable[[Job], float], *, preempts: bool = False) -> None:
        self._key, self.preempts = key, preempts
        self._heap: list[Entry] = []

    def key(self, job: Job) -> float:
        """Lower is sooner."""
        return self._key(job)

    def put(self, job: Job, now: float) -> float | None:
        """Queue a case; its key does not change, so it is not looked at again."""
        heapq.heappush(self._heap, (self._key(job), job.id, job.stamp, job))
        return None

    def take(self, reader: Reader, now: float, room: float) -> Job | None:
        """The first that fits."""
        return pop_fitting(self._heap, reader, room)

    def may(self, reader: Reader, job: Job, now: float) -> bool:
        """Everything is open to everybody."""
        return True

    def reprice(self, job: Job, now: float) -> bool:
        """Bring the due time forward by a positive AI result, as production does."""
        return apply_ai(job, now)


class Lanes:
    """Production's lanes: one queue for each (lane, pool), and the best head of those open to the reader."""

    preempts = False

    def __init__(self, policy: Policy = PRESET) -> None:
        self._policy = policy
        self._queues: dict[tuple[int, int], list[Entry]] = {}
        self._lane_of: dict[int, int] = {}

    def key(self, job: Job) -> float:
        """Nothing is interrupted, so nothing is compared with what is being read."""
        return 0.0

    def put(self, job: Job, now: float) -> float | None:
        """Put a case into its lane; when it turns to the next."""
        where = place(case_of(job), moment(now), reach=job.reach, policy=self._policy)
        self._lane_of[job.id] = where.lane
        heapq.heappush(self._queues.setdefault((where.lane, job.pool), []), (-where.rank, job.id, job.stamp, job))
        if where.turns_at is None:
            return None
        return max((where.turns_at - EPOCH) / _MINUTE, now + 1e-6)

    def reprice(self, job: Job, now: float) -> bool:
        """Price it with the AI result."""
        return apply_ai(job, now, self._policy)

    def may(self, reader: Reader, job: Job, now: float) -> bool:
        """Those with a skill may read it at once, others once it is for everybody."""
        return reader.may_ever_read(job) and reach_of(self._lane_of[job.id]) >= needed_reach(reader, job.pool)

    def take(self, reader: Reader, now: float, room: float) -> Job | None:
        """The highest score at this moment, less what the reader loses off their primary skill."""
        passed: list[tuple[list[Entry], Entry]] = []
        chosen = None
        while (heap := self._best_queue(reader)) is not None:
            entry = heapq.heappop(heap)
            if fits(entry[3], reader, room, reader.off_skill):
                chosen = entry[3]
                break
            passed.append((heap, entry))
        for heap, entry in passed:
            heapq.heappush(heap, entry)
        return chosen

    def _best_queue(self, reader: Reader) -> list[Entry] | None:
        """All lanes gain as much a minute, so their ranks can be compared without the time."""
        best, best_key = None, math.inf
        for (lane, pool), heap in self._queues.items():
            while heap and (heap[0][3].start >= 0 or heap[0][3].stamp != heap[0][2]):
                heapq.heappop(heap)
            if not heap or heap[0][0] >= best_key or min(lane, POOL) < needed_reach(reader, pool):
                continue
            key = heap[0][0]
            if pool not in reader.primary:
                key += self._policy.off_skill_points(heap[0][3].class_points)
            if key < best_key:
                best, best_key = heap, key
        return best


def needed_reach(reader: Reader, pool: int) -> int:
    """How far a case must have spilled to be open to a reader."""
    return PRIMARY if reader.has(pool) else POOL


POLICIES: dict[str, Callable[[], OneQueue | Lanes]] = {
    "FIFO": lambda: OneQueue(lambda job: job.arrive),
    "strict priority": lambda: OneQueue(lambda job: job.urgency * 1e7 + job.arrive),
    "earliest due": lambda: OneQueue(lambda job: job.price_due),
    "least slack": lambda: OneQueue(lambda job: job.price_due - job.expected),
    "ours": Lanes,
}
SIMPLE = tuple(name for name in POLICIES if name != "ours")
