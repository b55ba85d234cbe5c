"""A fact is written with the change, and delivered at least once, in order, however often things fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection, transaction

from ris.kernel import doorbell, events, relay
from ris.kernel.errors import NotFound
from ris.kernel.events import Event, emit, subscribe
from ris.kernel.models import Alarm, Delivery, Record
from tests.factories import NOON
from tests.racing import race


@dataclass(frozen=True, kw_only=True)
class KettleBoiled(Event):
    """A fact of this test."""

    number: int


class Listener:
    """Remembers what it heard; fails as often as it is told."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.failures = 0

    def __call__(self, event: KettleBoiled) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("text that may name a patient")
        self.heard.append(event.number)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()

    def hear(event: KettleBoiled) -> None:
        listener(event)

    subscribe(KettleBoiled, name="tests.hear")(hear)
    yield listener
    events._subscribers.pop("KettleBoiled")


def boil(number: int, stream: str = "A1") -> Record:
    return emit(KettleBoiled(stream=stream, at=NOON, number=number))


@pytest.mark.django_db
def test_what_is_rolled_back_was_never_said(listener: Listener) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        boil(1)
        raise ZeroDivisionError
    relay.deliver_owed(at=NOON)
    assert listener.heard == []
    assert not Record.objects.exists()


@pytest.mark.django_db
def test_each_subscriber_hears_each_fact_once_and_in_order(listener: Listener) -> None:
    for number in range(5):
        boil(number)
    assert relay.deliver_owed(at=NOON) == 5
    assert relay.deliver_owed(at=NOON) == 0
    assert listener.heard == [0, 1, 2, 3, 4]


@pytest.mark.django_db
def test_a_failed_delivery_holds_its_stream_and_no_other(listener: Listener) -> None:
    boil(1, "A1"), boil(2, "A1"), boil(3, "B1")
    listener.failures = 1
    relay.deliver_owed(at=NOON)
    assert listener.heard == [3]
    relay.deliver_owed(at=NOON + timedelta(seconds=2))
    assert listener.heard == [3, 1, 2]


@pytest.mark.django_db
def test_an_exhausted_delivery_raises_an_alarm_and_waits_for_a_person(listener: Listener) -> None:
    boil(1), boil(2)
    listener.failures = relay.MOST_ATTEMPTS
    for hours in range(relay.MOST_ATTEMPTS + 3):
        relay.deliver_owed(at=NOON + timedelta(hours=hours))
    assert listener.heard == []
    stuck = Delivery.objects.get(state=Delivery.STUCK)
    assert "RuntimeError at test_events_and_relay.py" in stuck.error
    assert "patient" not in stuck.error
    alarm = Alarm.objects.get(kind=relay.STUCK_ALARM)
    assert alarm.cleared_at is None

    later = NOON + timedelta(days=1)
    relay.retry_stuck(stuck.pk, at=later)
    relay.deliver_owed(at=later)
    assert listener.heard == [1, 2]
    alarm.refresh_from_db()
    assert alarm.cleared_at == later


@pytest.mark.django_db
def test_effects_of_a_subscriber_that_fails_are_undone(listener: Listener) -> None:
    def write_then_fail(event: KettleBoiled) -> None:
        Alarm.objects.create(kind="half", subject="done", raised_at=NOON, last_at=NOON)
        raise RuntimeError

    subscribe(KettleBoiled, name="tests.write_then_fail")(write_then_fail)
    boil(1)
    relay.deliver_owed(at=NOON)
    assert not Alarm.objects.filter(kind="half").exists()
    assert listener.heard == [1]


@pytest.mark.django_db
def test_a_fact_is_read_back_as_it_was_said() -> None:
    said = KettleBoiled(stream="A1", at=NOON, number=7)
    assert events.revive(emit(said)) == said


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_one_stream_are_delivered_in_commit_order(listener: Listener) -> None:
    """The first to emit holds the stream until it commits, so a later one cannot overtake it."""
    first_has_emitted = threading.Event()
    committed: list[int] = []

    def write(number: int) -> None:
        if number == 1:
            first_has_emitted.wait(timeout=30)
        with transaction.atomic():
            boil(number)
            if number == 0:
                first_has_emitted.set()
                time.sleep(0.3)  # commit late: without the lock, writer 1 would commit in between
            committed.append(number)

    assert race(2, write) == [None, None]
    relay.deliver_owed(at=NOON)
    assert committed == [0, 1]
    assert listener.heard == [0, 1]
    assert list(Record.objects.order_by("id").values_list("body__number", flat=True)) == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_relays_that_race_deliver_nothing_twice_and_keep_the_order(listener: Listener) -> None:
    for number in range(40):
        boil(number, stream=f"S{number % 4}")
    race(8, lambda _: relay.deliver_owed(at=NOON))
    relay.deliver_owed(at=NOON)
    assert sorted(listener.heard) == list(range(40))
    for lane in range(4):
        heard = [n for n in listener.heard if n % 4 == lane]
        assert heard == sorted(heard)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_changes_nothing_but_delay(listener: Listener) -> None:
    def broken() -> None:
        raise ConnectionError

    with patch.dict(doorbell._ringers, {doorbell.RELAY: [broken]}):
        boil(1)
    assert Delivery.objects.get().state == Delivery.OWED
    relay.deliver_owed(at=NOON)  # the sweep
    assert listener.heard == [1]


@pytest.mark.django_db(transaction=True)
def test_a_bell_rings_after_commit_and_not_before(listener: Listener) -> None:
    rung: list[bool] = []
    with patch.dict(doorbell._ringers, {doorbell.RELAY: [lambda: rung.append(connection.in_atomic_block)]}):
        with transaction.atomic():
            boil(1)
            assert rung == []
        assert rung == [False]


@pytest.mark.django_db
def test_what_failed_while_the_clock_was_an_hour_ahead_is_due_once_it_is_right(listener: Listener) -> None:
    listener.failures = 1
    boil(1)
    assert relay.deliver_owed(at=NOON + timedelta(hours=1)) == 1
    assert listener.heard == []
    relay.deliver_owed(at=NOON + timedelta(seconds=1))
    assert listener.heard == [1]


@pytest.mark.django_db
def test_a_delivery_that_is_done_is_neither_owed_again_nor_stuck(listener: Listener) -> None:
    boil(1)
    stale = Delivery.objects.get()
    relay.deliver_owed(at=NOON)
    relay._note_failure(stale, RuntimeError(), NOON)
    with pytest.raises(NotFound):
        relay.retry_stuck(stale.pk, at=NOON)
    stale.refresh_from_db()
    assert (stale.state, stale.attempts, stale.error) == (Delivery.DONE, 1, "")
    assert listener.heard == [1]
