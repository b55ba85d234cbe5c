"""Senders: each brings a destination its messages, in order per lane, until they are accepted or a person decides.

One sender at a time works on a destination: it holds its lease (``ris.kernel.queue``). A message is marked sent only
when its AA is here, under that lease; a crash before that sends it again with the same control id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import connections, transaction
from django.db.models import F

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.clock import now
from ris.kernel.errors import Conflict
from ris.kernel.queue import Lease, is_quarantined
from ris.kernel.states import Step

from .. import states
from ..models import Destination, OutboundMessage
from .connection import ACCEPTED, Answer, DestinationConnection, NoAnswer, apply_placer_numbers, connection_key
from .preparation import prepare_waiting
from .queue import (
    DESTINATION_BACKOFF,
    NO_ANSWER,
    NOT_NOW_BACKOFF,
    alarm_refused,
    clear_lane_alarms,
    due,
    is_indigestible,
    is_retried,
    next_message,
    postpone_unanswered,
)

log = structlog.get_logger(__name__)

DOWN_ALARM = "hl7-destination-down"
ASKS_FOR_NUMBER = "order.number"

Clock = Callable[[], datetime]


class LeaseLost(Exception):
    """Another sender took over this destination."""


class DestinationSender:
    """One sender at work on one destination."""

    def __init__(
        self, destination_id: int, *, clock: Clock = now, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._id = destination_id
        self._clock = clock
        self._sleep = sleep
        self._lease = Lease(Destination, destination_id, clock)
        self._line: DestinationConnection | None = None

    def drain(self) -> int:
        """Send until nothing can be sent now; return how many were accepted.

        Does nothing if another is at it, or in quarantine.
        """
        sent = 0
        if is_quarantined() or not self._take_lease():
            return 0
        try:
            while True:
                destination = Destination.objects.get(pk=self._id)
                message = next_message(destination, self._clock()) if self._open_for(destination) else None
                if message is None or not self._send(destination, message):
                    return sent
                sent += 1
                # The throttle waits after each message, so a burst never exceeds the rate.
                if destination.most_a_second:
                    self._sleep(1 / destination.most_a_second)
        except (LeaseLost, Conflict):
            return sent  # whoever has the lease now sends on
        finally:
            self._lease.release()

    def close(self) -> None:
        """Close the connection to the destination."""
        if self._line:
            self._line.close()

    def _open_for(self, destination: Destination) -> bool:
        due = DESTINATION_BACKOFF.is_due(destination.retry_at, self._clock())
        return bool(destination.host and destination.paused_at is None and due)

    def _take_lease(self) -> bool:
        """Take or renew the lease for one exchange, which a closed connection can begin anew, and a margin."""
        timeout_s = Destination.objects.values_list("timeout", flat=True).get(pk=self._id)
        return self._lease.take(_lease_length(timeout_s))

    def _covered(self, destination: Destination) -> bool:
        """Whether the lease was renewed a moment ago, with the answer to the message before."""
        return self._lease.covers(_lease_length(destination.timeout) - timedelta(seconds=5))

    def _send(self, destination: Destination, message: OutboundMessage) -> bool:
        """One exchange; whether the queue may go on."""
        if not self._covered(destination) and not self._take_lease():
            raise LeaseLost
        try:
            answer = self._connection_to(destination).exchange(bytes(message.raw), message.control_id)
        except NoAnswer as error:
            return self._note_no_answer(destination, message, error)
        self._note(destination, message, answer)
        return True

    @transaction.atomic
    def _note(self, destination: Destination, message: OutboundMessage, answer: Answer) -> None:
        """All that the answer means, or nothing: in one transaction, since each costs the disk a sync."""
        at = self._clock()
        self._note_answer(destination, at)
        if answer.code in ACCEPTED:
            self._mark(message, states.MARK_SENT, answer, error="", sent_at=at, failures=0, retry_at=None)
            # A first try has raised no alarm; asking for one costs a query a message.
            if message.attempts:
                clear_lane_alarms(destination, message, at=at)
            if message.kind == ASKS_FOR_NUMBER:
                apply_placer_numbers(answer.raw, peer=destination.name, at=at)
            return
        failures, error = message.failures + 1, (answer.text or "No reason was given.")[:250]
        if is_retried(message, answer):
            retry_at = at + NOT_NOW_BACKOFF.delay(failures)
            self._mark(message, states.POSTPONE, answer, error=error, failures=failures, retry_at=retry_at)
        else:
            self._mark(message, states.STOP, answer, error=error, failures=failures)
        alarm_refused(message, destination, answer, at)

    def _note_no_answer(self, destination: Destination, message: OutboundMessage, error: NoAnswer) -> bool:
        """The outage, or that it is this message which the peer cannot digest; whether the queue may go on."""
        at = self._clock()
        if not error.reached:
            OutboundMessage.objects.filter(pk=message.pk).update(attempts=F("attempts") + 1)
        elif is_indigestible(destination, message):
            self._mark(message, states.STOP, Answer("", NO_ANSWER, b""), error=NO_ANSWER)
            alarm_refused(message, destination, Answer("", NO_ANSWER, b""), at)
            return True
        else:
            postpone_unanswered(destination, message, at)
        self._note_outage(destination, str(error))
        return False

    def _mark(self, message: OutboundMessage, step: Step, answer: Answer, **changes: object) -> None:
        """Under our lease only: raises Conflict when it is another's by now."""
        # The lease is a condition of the UPDATE: a sender that was suspended for longer than its lease changes nothing.
        ours = OutboundMessage.objects.filter(destination__lease_holder=self._lease.holder)
        tried: dict[str, object] = {"attempts": F("attempts") + 1, "tried_at": self._clock()}
        ours.take(step, message.pk, answer_code=answer.code, answer=answer.raw or None, **tried, **changes)

    def _connection_to(self, destination: Destination) -> DestinationConnection:
        if self._line is None or self._line.key != connection_key(destination):
            self.close()
            self._line = DestinationConnection(destination)
        return self._line

    def _note_outage(self, destination: Destination, why: str) -> None:
        """One alarm per outage, on its second failure; the next try after a growing delay."""
        at, failures = self._clock(), destination.failures + 1
        Destination.objects.filter(pk=self._id).update(
            failures=failures,
            last_error=why[:250],
            retry_at=at + DESTINATION_BACKOFF.delay(failures),
        )
        log.warning("hl7.destination-down", destination=self._id, failures=failures)
        # A single failure is often a restart of the peer; the second is an outage.
        if failures >= 2:
            raise_alarm(DOWN_ALARM, destination.name, detail=why[:250], at=at)

    def _note_answer(self, destination: Destination, at: datetime) -> None:
        """It answers; and the lease is renewed in the same breath. Raises LeaseLost."""
        lasts = _lease_length(destination.timeout)
        if not self._lease.renew(lasts, failures=0, retry_at=None, last_error="", last_sent_at=at):
            raise LeaseLost
        if destination.failures:
            clear_alarm(DOWN_ALARM, destination.name, at=at)


def _lease_length(timeout_s: int) -> timedelta:
    """One exchange, which a closed connection can begin anew (twice the time-out), and ten seconds for the database."""
    return timedelta(seconds=2 * timeout_s + 10)


class SenderPool:
    """The senders of this process: a thread per destination that lingers a while, to keep its connection open."""

    def __init__(self, linger_s: float = 30.0) -> None:
        self._linger_s = linger_s
        self._lock = threading.Lock()
        self._bells: dict[int, threading.Event] = {}

    def call(self, destination_id: int) -> None:
        """Wake the destination's sender, or start one."""
        with self._lock:
            bell = self._bells.get(destination_id)
            if bell is not None:
                bell.set()
                return
            self._bells[destination_id] = threading.Event()
        name = f"hl7-sender-{destination_id}"
        threading.Thread(target=self._run, args=(destination_id,), name=name, daemon=True).start()

    def _run(self, destination_id: int) -> None:
        bell = self._bells[destination_id]
        sender = DestinationSender(destination_id)
        try:
            while True:
                bell.clear()
                sender.drain()
                if not bell.wait(self._linger_s) and self._leave(destination_id, bell):
                    break
        except Exception as error:  # the database is away: the sweep calls again
            log.warning("hl7.sender-stopped", destination=destination_id, error=type(error).__name__)
        finally:
            with self._lock:
                if self._bells.get(destination_id) is bell:
                    del self._bells[destination_id]
            sender.close()
            connections.close_all()

    def _leave(self, destination_id: int, bell: threading.Event) -> bool:
        """Let the next call start another sender; False if one came since the wait ended, which is this one's work."""
        # call() and this look at the bell under one lock: a ring between wait and leaving is not lost.
        with self._lock:
            if bell.is_set():
                return False
            del self._bells[destination_id]
            return True


_pool = SenderPool()


def send_owed(*, at: datetime) -> int:
    """Have a sender at each destination that something can be sent to; return how many. Does not wait for them.

    What waits for other destinations is prepared meanwhile, so that a fault in it shows before they are back.
    """
    pks = list(due(at).values_list("pk", flat=True))
    for pk in pks:
        _pool.call(pk)
    prepare_waiting(except_for=pks, at=at)
    return len(pks)
