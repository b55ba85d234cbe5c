"""The event loop: cases come, readers come and go, a policy says who reads what next. Minutes are floats from 0."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

OVERTIME = 10.0
"""A case may end so long after the shift, as in ``worklist.rules.eligibility``."""

OFF_SKILL = 1.2
"""Off the primary skill, reading takes so much longer, unless a reader says otherwise."""

LINKED_WITHIN = 60.0
"""Linked exams that came further apart are read one by one, as in ``worklist.selectors.linked_exams``."""


@dataclass(slots=True)
class Job:
    """A case. ``due`` is that of its class; AI may have changed ``price_due``, ``class_points`` and ``sla``."""

    id: int
    arrive: float
    urgency: int
    pool: int
    expected: float
    service: float
    due: float
    sla: float
    class_points: float
    price_due: float
    points: float = 0.0
    reach: int = 0
    ai_at: float = -1.0
    ai_positive: bool = False
    ai_ppv: float = 0.0
    truth: bool = False
    only: int = -1
    """The reader for whom it is reserved."""
    skill: int = -1
    """The pool whose skill a reader must have, however long it waits."""
    link: int = -1
    """Exams of one order or visit share the number, and whoever takes one has the others too."""
    held: bool = False
    """A reader took it along with a linked exam, and reads it next."""
    start: float = -1.0
    finish: float = -1.0
    reader: int = -1
    matched: bool = False
    stamp: int = 0
    """Grows whenever it moves, so that what is left of it in queues is known to be old."""

    @property
    def sla_of_class(self) -> float:
        """Minutes from arrival until the case is due."""
        return self.due - self.arrive


@dataclass(slots=True)
class Reader:
    """Somebody with primary skills who is there during ``spans`` (begin, end).

    ``secondary`` None: every other pool. Pools in neither are read once their cases are for everybody.
    """

    id: int
    primary: frozenset[int]
    spans: Sequence[tuple[float, float]]
    secondary: frozenset[int] | None = None
    off_skill: float = OFF_SKILL
    until: float = -1.0
    job: Job | None = None
    read: float = 0.0
    stamp: int = 0
    most_claims: int = 3
    most_minutes: float = 90.0
    next: list[Job] = field(default_factory=list)
    """What they took along."""

    def has(self, pool: int) -> bool:
        """Whether the reader has the skill, primary or secondary."""
        return pool in self.primary or self.secondary is None or pool in self.secondary

    def may_ever_read(self, job: Job) -> bool:
        """Whether nothing keeps it from them for good: that it is another's, or the skill that a rule asks for."""
        return job.only in (-1, self.id) and (job.skill < 0 or self.has(job.skill))

    def expects(self, job: Job) -> float:
        """Minutes that they would be expected to read it."""
        return job.expected * (1.0 if job.pool in self.primary else self.off_skill)


class Policy(Protocol):
    """Keeps the cases that wait, and chooses."""

    preempts: bool

    def put(self, job: Job, now: float) -> float | None:
        """Take a waiting case in (again); when it is to be looked at next time, if ever."""

    def take(self, reader: Reader, now: float, room: float) -> Job | None:
        """The case that this reader should read now, removed. Its reading must fit into ``room`` minutes."""

    def may(self, reader: Reader, job: Job, now: float) -> bool:
        """Whether a waiting case is open to this reader."""

    def key(self, job: Job) -> float:
        """Lower is sooner, for policies that preempt."""

    def reprice(self, job: Job, now: float) -> bool:
        """An AI result has come: whether it changes where the case belongs."""


ARRIVE, FINISH, TURN, COME, GO, AI = range(6)


@dataclass(slots=True)
class Simulation:
    """One run. ``run()`` leaves the outcome on the jobs."""

    jobs: Sequence[Job]
    readers: Sequence[Reader]
    policy: Policy
    horizon: float = float("inf")
    steps: int = 0
    _events: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    _idle: dict[int, Reader] = field(default_factory=dict)
    _links: dict[int, list[Job]] = field(default_factory=dict)
    _count: int = 0

    def run(self) -> None:
        """Play until all is read, or nobody is left to read it."""
        jobs, readers = self.jobs, self.readers
        for job in jobs:
            self._at(job.arrive, ARRIVE, job.id)
            if job.link >= 0:
                self._links.setdefault(job.link, []).append(job)
        for reader in readers:
            for n, (begin, _) in enumerate(reader.spans):
                self._at(begin, COME, reader.id, n)
        while self._events:
            now, _, kind, who, more = heapq.heappop(self._events)
            if now > self.horizon:
                break
            self.steps += 1
            if kind == ARRIVE:
                job = jobs[who]
                if job.ai_at >= 0:
                    self._at(max(job.ai_at, now), AI, who)
                self._offer(job, now)
            elif kind == FINISH:
                if readers[who].stamp == more:
                    self._finish(readers[who], now)
            elif kind == TURN:
                job = jobs[who]
                if job.stamp == more and job.start < 0:
                    self._offer(job, now)
            elif kind == COME:
                reader = readers[who]
                reader.until = max(reader.until, reader.spans[more][1])
                self._at(reader.spans[more][1], GO, who)
                if reader.job is None:
                    self._idle[who] = reader
                    self._feed(reader, now)
            elif kind == GO:
                if readers[who].until <= now:
                    self._idle.pop(who, None)
            else:
                self._hear_ai(jobs[who], now)

    def _at(self, when: float, kind: int, who: int, more: int = 0) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, kind, who, more))

    def _offer(self, job: Job, now: float) -> None:
        """A case waits (or waits in another place): an idle reader takes it, the best first."""
        job.stamp += 1
        turn = self.policy.put(job, now)
        if turn is not None:
            self._at(turn, TURN, job.id, job.stamp)
        if self._idle:
            fit = [r for r in self._idle.values() if self.policy.may(r, job, now)]
            for reader in sorted(fit, key=lambda r: (job.pool not in r.primary, r.read)):
                self._feed(reader, now)
                if job.start >= 0:
                    return
        elif self.policy.preempts:
            self._preempt(job, now)

    def _feed(self, reader: Reader, now: float) -> None:
        if reader.next:
            job: Job | None = reader.next.pop(0)
        else:
            job = self.policy.take(reader, now, reader.until - now + OVERTIME)
            if job is not None and job.link >= 0:
                self._bring_linked(reader, job, now)
        if job is None:
            return
        job.start, job.reader, job.matched = now, reader.id, job.pool in reader.primary
        minutes = job.service if job.matched else job.service * reader.off_skill
        reader.job, reader.read = job, reader.read + minutes
        self._idle.pop(reader.id, None)
        reader.stamp += 1
        self._at(now + minutes, FINISH, reader.id, reader.stamp)
        job.finish = now + minutes

    def _bring_linked(self, reader: Reader, taken: Job, now: float) -> None:
        """What is linked and fits comes along, the most urgent first; a secondary skill will do."""
        minutes, room = taken.expected, reader.until - now + OVERTIME - reader.expects(taken)
        for job in sorted(self._links[taken.link], key=lambda job: (job.urgency, job.price_due)):
            near = job is not taken and abs(job.arrive - taken.arrive) <= LINKED_WITHIN and self._waits(job, now)
            if not near or not reader.has(job.pool) or not reader.may_ever_read(job) or reader.expects(job) > room:
                continue
            if len(reader.next) + 2 > reader.most_claims or minutes + job.expected > reader.most_minutes:
                break
            job.held, job.stamp = True, job.stamp + 1  # what is left of it in queues is old
            reader.next.append(job)
            minutes, room = minutes + job.expected, room - reader.expects(job)

    def _waits(self, job: Job, now: float) -> bool:
        return job.arrive <= now and job.start < 0 and not job.held

    def _finish(self, reader: Reader, now: float) -> None:
        reader.job = None
        if now < reader.until or reader.next:
            self._idle[reader.id] = reader
            self._feed(reader, now)

    def _preempt(self, job: Job, now: float) -> None:
        """Interrupt the least urgent reading for a more urgent case; it goes on later where it stopped."""
        reader = max((r for r in self.readers if r.job), key=lambda r: self.policy.key(r.job))  # type: ignore[arg-type]
        running = reader.job
        if running is None or self.policy.key(job) >= self.policy.key(running):
            return
        running.service, running.start = running.finish - now, -1.0
        reader.stamp += 1
        self.policy.put(running, now)
        reader.job = None
        self._idle[reader.id] = reader
        self._feed(reader, now)

    def _hear_ai(self, job: Job, now: float) -> None:
        """A late AI result re-scores a case that still waits."""
        if job.start >= 0 or job.held or not job.ai_positive:
            return
        if self.policy.reprice(job, now):
            self._offer(job, now)
