"""Queues of what is owed to other systems: one way to claim, complete, postpone and give up a row.

A queue is a table whose rows were written in the transaction that made them necessary. Workers of any number read
what is due, claim a row, do the slow thing (a network send) outside of any transaction, and write down how it went.
A claim is a guarded UPDATE: of two workers who want one row, one gets it. A claim ends by itself, so a worker that
was killed delays its row by ``claim_timeout`` and loses nothing: the row is sent again, never twice at once.
``version`` grows with every change of state, so a worker whose claim was lost changes nothing any more.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from .alarms import clear_alarm, raise_alarm
from .db.transitions import Stateful
from .errors import Conflict, NotFound
from .models import Alarm
from .states import Step

R = TypeVar("R", bound="Owed")

MOST_DOUBLINGS = 16
"""2 ** 16 s are 18 hours, more than any longest delay; past that the power would only grow too large a number."""


QUARANTINE_ALARM = "quarantine"
"""Open in a system that was restored from a backup: what it owes may have been sent since the backup was made."""


def is_quarantined() -> bool:
    """Whether this system may send nothing and ask no other, until a person releases it."""
    return Alarm.objects.filter(kind=QUARANTINE_ALARM, cleared_at=None).exists()


def leave_quarantine(*, at: datetime) -> None:
    """Let the system send again."""
    for subject in Alarm.objects.filter(kind=QUARANTINE_ALARM, cleared_at=None).values_list("subject", flat=True):
        clear_alarm(QUARANTINE_ALARM, subject, at=at)


def start_clock(at: datetime) -> Callable[[], datetime]:
    """A clock that shows ``at`` now and runs on: a claim late in a long turn must not be over before it begins."""
    started_s = time.monotonic()
    return lambda: at + timedelta(seconds=time.monotonic() - started_s)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between tries: the first one, doubled with each failure, up to the longest. In seconds."""

    first_s: float
    longest_s: float

    def delay(self, failures: int) -> timedelta:
        """How long to wait after so many failures in a row (at least 1)."""
        doublings = min(max(failures, 1) - 1, MOST_DOUBLINGS)
        return timedelta(seconds=min(self.first_s * 2**doublings, self.longest_s))

    def is_due(self, retry_at: datetime | None, at: datetime) -> bool:
        """Whether a retry time has come; one further off than the longest delay was written by a wrong clock."""
        return retry_at is None or retry_at <= at or retry_at > at + timedelta(seconds=self.longest_s)

    def due(self, column: str, at: datetime) -> Q:
        """The same as a condition on the column of the retry time."""
        latest = at + timedelta(seconds=self.longest_s)
        return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lte": at}) | Q(**{f"{column}__gt": latest})


class Owed(Stateful):
    """A row of a queue: owed to another system until it was sent, or a person or the queue gave it up."""

    due_at = models.DateTimeField(help_text="Not tried before; while a worker has it, when another may. UTC.")
    attempts = models.PositiveIntegerField(default=0, help_text="Claims so far: tries, whether they ended or not.")
    error = models.CharField(max_length=160, blank=True, help_text="Why the last try failed. No patient data.")

    class Meta:
        abstract = True


@dataclass(frozen=True, slots=True)
class QueueSteps:
    """The four arrows of a queue's state diagram. ``claim`` and ``postpone`` may lead back to the same state."""

    claim: Step
    postpone: Step
    complete: Step
    give_up: Step | None = None


@dataclass(frozen=True)
class Queue(Generic[R]):
    """How the rows of one table are owed.

    ``lane``: columns; of rows that agree in them the oldest goes first and the next waits until it is done.
    ``claim_timeout`` must exceed the longest try. ``most_attempts``: after so many the row is given up (None: never).
    ``planned``: rows may be due far ahead by intention, so only the due time of one that was tried can be a mistake.
    """

    rows: type[R]
    steps: QueueSteps
    backoff: Backoff
    claim_timeout: timedelta
    alarm: str
    lane: tuple[str, ...] = ()
    most_attempts: int | None = None
    planned: bool = False

    def owed(self) -> QuerySet[R]:
        """Every row that is not done and not given up, whether it is due or not."""
        rows: Any = self.rows._default_manager.filter(state__in=self.steps.claim.sources)
        return cast("QuerySet[R]", rows)

    def due(self, at: datetime) -> QuerySet[R]:
        """Rows that can be claimed: due, and of rows of one lane those before which nothing waits for its time.

        None in quarantine.
        """
        if is_quarantined():
            return self.owed().none()
        # Only a hint: the guard of the claim decides. Here a lane is judged by what waits for its time, not by claims.
        rows = self.owed().filter(self._is_due(at))
        if self.lane:
            rows = rows.exclude(Exists(self._earlier().exclude(self._is_due(at))))
        return rows.order_by("pk")

    def claim(self, row: R, at: datetime) -> bool:
        """Claim a row that is due and first in its lane; False if another worker has it or something is before it.

        Each claim is an attempt. The row's fields become those of the claim.
        """
        guard: Any = self.owed().filter(self._is_due(at))
        if self.lane:
            guard = guard.exclude(Exists(self._earlier()))
        try:
            now = guard.take(
                self.steps.claim, row.pk, due_at=at + self.claim_timeout, attempts=models.F("attempts") + 1
            )
        except (Conflict, NotFound):
            return False
        # version is the receipt of the claim: complete and postpone change nothing once another has it
        row.state, row.version, row.due_at, row.attempts = now.state, now.version, now.due_at, now.attempts
        return True

    def complete(self, row: R, **changes: Any) -> bool:
        """Mark a claimed row as done; False if the claim was lost meanwhile (a person skipped it, it timed out)."""
        return self._take(self.steps.complete, row, error="", **changes)

    def postpone(self, row: R, error: str, *, subject: str, at: datetime) -> bool:
        """Note that a claimed row failed: it is tried again after a growing delay, or given up.

        Raises the queue's alarm about ``subject`` (no patient data), which stays one row during an outage. Return
        whether the row was given up.
        """
        give_up = self.steps.give_up if row.attempts >= (self.most_attempts or row.attempts + 1) else None
        if give_up is not None:
            self._take(give_up, row, error=error[:160])
        else:
            self._take(self.steps.postpone, row, due_at=at + self.backoff.delay(row.attempts), error=error[:160])
        if give_up is not None or self.most_attempts is None:
            raise_alarm(self.alarm, subject, detail=error, at=at)
        return give_up is not None

    def _take(self, step: Step, row: R, **changes: Any) -> bool:
        claimed: Any = self.rows._default_manager.filter(version=row.version)
        try:
            claimed.take(step, row.pk, **changes)
        except (Conflict, NotFound):
            return False
        return True

    def _is_due(self, at: datetime) -> Q:
        # A claim moves the due time further than a failure may: both bounds are honest times.
        longest_s = max(self.backoff.longest_s, self.claim_timeout.total_seconds())
        due = Backoff(self.backoff.first_s, longest_s).due("due_at", at)
        return due if not self.planned else Q(due_at__lte=at) | (due & Q(attempts__gt=0))

    def _earlier(self) -> QuerySet[R]:
        """Rows before the outer one in its lane that are still owed."""
        return self.owed().filter(pk__lt=OuterRef("pk"), **{name: OuterRef(name) for name in self.lane})


class Receiver(models.Model):
    """A system that one worker at a time sends to (``Lease``), and whether it answers at present."""

    failures = models.PositiveIntegerField(default=0, help_text="Failed tries in a row.")
    retry_at = models.DateTimeField(null=True, blank=True, help_text="Not tried again before.")
    last_error = models.CharField(max_length=250, blank=True)
    lease_holder = models.CharField(max_length=64, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


@dataclass
class Lease:
    """One worker's hold on a Receiver, for queues whose every message costs one exchange over one connection.

    ``lasts`` must exceed one exchange. A lease that ends much later than it lasts was written by a wrong clock.
    """

    rows: type[Receiver]
    receiver_id: int
    clock: Callable[[], datetime]
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    until: datetime | None = None

    def take(self, lasts: timedelta) -> bool:
        """Take or renew it; False while another worker has it."""
        at = self.clock()
        wrong_clock = Q(lease_until__gt=at + 10 * lasts)  # ten times: a lease of a longer time-out may stand
        free = Q(lease_until=None) | Q(lease_until__lt=at) | Q(lease_holder=self.holder) | wrong_clock
        return self._write(free, at + lasts)

    def renew(self, lasts: timedelta, **changes: Any) -> bool:
        """Renew it and write ``changes`` to the receiver, in one statement; False if it is another's by now."""
        return self._write(Q(lease_holder=self.holder), self.clock() + lasts, **changes)

    def covers(self, wanted: timedelta) -> bool:
        """Whether it lasts at least so much longer, as far as this worker knows."""
        return self.until is not None and self.clock() + wanted <= self.until

    def release(self) -> None:
        """Let others have it at once."""
        self._mine().update(lease_holder="", lease_until=None)
        self.until = None

    def _mine(self) -> QuerySet[Receiver]:
        return self.rows._default_manager.filter(pk=self.receiver_id, lease_holder=self.holder)

    def _write(self, guard: Q, until: datetime, **changes: Any) -> bool:
        row = self.rows._default_manager.filter(guard, pk=self.receiver_id)
        held = bool(row.update(lease_holder=self.holder, lease_until=until, **changes))
        self.until = until if held else None
        return held
