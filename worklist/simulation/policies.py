"""Policies: what is read next. ``ours`` is the lanes and score of production, the others it is compared with."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

from worklist.rules.eligibility import MOST_URGENT
from worklist.rules.lanes import EPOCH, POOL, PRIMARY, SECONDARY, lane_slope, place, reach_of

from .engine import OFF_SKILL, Job, Reader
from .pricing import apply_ai, case_of, moment

Entry = tuple[float, int, int, Job]


def fits(job: Job, reader: Reader, room: float) -> bool:
    """Whether it is for this reader, and can be read before the shift is over (the most urgent are exempt)."""
    if job.only not in (-1, reader.id):
        return False
    if job.urgency <= MOST_URGENT or room == math.inf:
        return True
    return job.expected * (1.0 if job.pool in reader.primary else OFF_SKILL) <= room


def pop_fitting(heap: list[Entry], reader: Reader, room: float) -> Job | None:
    """The first case of a heap that fits; those before it stay."""
    passed: list[Entry] = []
    found = None
    while heap:
        entry = heapq.heappop(heap)
        job = entry[3]
        if job.start >= 0 or job.stamp != entry[2]:
            continue
        if fits(job, reader, room):
            found = job
            break
        passed.append(entry)
    for entry in passed:
        heapq.heappush(heap, entry)
    return found


def needed_reach(reader: Reader, pool: int) -> int:
    """How far a case must have spilled to be open to a reader."""
    if pool in reader.primary:
        return PRIMARY
    return SECONDARY if reader.secondary is None or pool in reader.secondary else POOL


class OneQueue:
    """Everybody reads everything from one queue, ordered by a key that does not change."""

    def __init__(self, key: Callable[[Job], float], *, preempts: bool = False) -> None:
        self._key, self.preempts = key, preempts
        self._heap: list[Entry] = []

    def key(self, job: Job) -> float:
        """What the case is ordered by, the smallest first."""
        return self._key(job)

    def put(self, job: Job, now: float) -> float | None:
        """Queue a case; None: its place never changes by itself."""
        heapq.heappush(self._heap, (self._key(job), job.id, job.stamp, job))
        return None

    def take(self, reader: Reader, now: float, room: float) -> Job | None:
        """Remove and return the first case that the reader can finish in ``room`` minutes."""
        return pop_fitting(self._heap, reader, room)

    def may(self, reader: Reader, job: Job, now: float) -> bool:
        """Always: every case is open to every reader."""
        return True

    def reprice(self, job: Job, now: float) -> bool:
        """Apply what the AI says of the case; True when its place changes."""
        return apply_ai(job, now)


class Lanes:
    """Production's lanes: one queue for each (lane, pool), and the best head of those open to the reader."""

    preempts = False

    def __init__(self) -> None:
        self._queues: dict[int, dict[int, list[Entry]]] = {}
        self._lane_of: dict[int, int] = {}

    def key(self, job: Job) -> float:
        """0: a case that comes never interrupts another."""
        return 0.0

    def put(self, job: Job, now: float) -> float | None:
        """Queue a case; return the minute at which it must be put again, or None."""
        where = place(case_of(job), moment(now), reach=job.reach)
        self._lane_of[job.id] = where.lane
        queue = self._queues.setdefault(where.lane, {}).setdefault(job.pool, [])
        heapq.heappush(queue, (-where.rank, job.id, job.stamp, job))
        if where.turns_at is None:
            return None
        return max((where.turns_at - EPOCH).total_seconds() / 60.0, now + 1e-6)

    def reprice(self, job: Job, now: float) -> bool:
        """Apply what the AI says of the case; True when its place changes."""
        return apply_ai(job, now)

    def may(self, reader: Reader, job: Job, now: float) -> bool:
        """Whether the case has spilled far enough to be open to the reader."""
        return job.only in (-1, reader.id) and reach_of(self._lane_of[job.id]) >= needed_reach(reader, job.pool)

    def take(self, reader: Reader, now: float, room: float) -> Job | None:
        """Remove and return the best case that the reader can finish in ``room`` minutes."""
        best: tuple[float, list[Entry]] | None = None
        put_back: list[tuple[list[Entry], Entry]] = []
        while True:
            best = None
            for lane, pools in self._queues.items():
                slope, reach = lane_slope(lane), reach_of(lane)
                for pool, heap in pools.items():
                    if reach < needed_reach(reader, pool):
                        continue
                    while heap and (heap[0][3].start >= 0 or heap[0][3].stamp != heap[0][2]):
                        heapq.heappop(heap)
                    if heap:
                        score = -heap[0][0] + slope * now
                        if best is None or score > best[0]:
                            best = (score, heap)
            if best is None:
                break
            entry = heapq.heappop(best[1])
            if fits(entry[3], reader, room):
                break
            put_back.append((best[1], entry))
        for heap, entry in put_back:
            heapq.heappush(heap, entry)
        return entry[3] if best is not None else None


POLICIES: dict[str, Callable[[], OneQueue | Lanes]] = {
    "FIFO": lambda: OneQueue(lambda job: job.arrive),
    "strict priority": lambda: OneQueue(lambda job: job.urgency * 1e7 + job.arrive),
    "earliest due": lambda: OneQueue(lambda job: job.price_due),
    "least slack": lambda: OneQueue(lambda job: job.price_due - job.expected),
    "ours": Lanes,
}
