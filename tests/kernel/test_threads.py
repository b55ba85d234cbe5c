"""Threads of an event loop: nothing is lost, nothing is done twice, an outage is found out by one and told to all."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ris.kernel.db import threads
from ris.kernel.db.group_commit import Background, Batches
from ris.kernel.db.threads import DatabaseExecutor, run_with_retry


@pytest.fixture
def executor() -> Iterator[DatabaseExecutor]:
    made = DatabaseExecutor(3, "test")
    yield made
    made.shutdown()


def test_each_job_runs_once_and_its_outcome_is_its_callers(executor: DatabaseExecutor) -> None:
    futures = [executor.submit(pow, n, 2) for n in range(100)]
    assert [future.result() for future in futures] == [n * n for n in range(100)]
    with pytest.raises(ZeroDivisionError):
        executor.ask(lambda: 1 // 0)
    assert executor.ask(lambda: "and it goes on") == "and it goes on"


def test_what_was_submitted_before_the_end_is_finished_and_nothing_after_it(executor: DatabaseExecutor) -> None:
    gate = threading.Event()
    futures = [executor.submit(gate.wait) for _ in range(10)]
    gate.set()
    executor.shutdown()
    assert all(future.result() for future in futures)
    with pytest.raises(RuntimeError):
        executor.submit(gate.wait)


def test_batches_handle_every_item_once_and_in_order_on_one_thread() -> None:
    handled: list[int] = []
    sizes: list[int] = []

    def handle(batch: list[int]) -> None:
        sizes.append(len(batch))
        handled.extend(batch)

    batches = Batches(handle, lambda batch, error: None, most=7, name="test")
    submitters = [
        threading.Thread(target=lambda k=k: [batches.submit(k * 100 + n) for n in range(100)]) for k in range(4)
    ]
    for thread in submitters:
        thread.start()
    for thread in submitters:
        thread.join()
    batches.close()
    assert sorted(handled) == list(range(400))
    assert max(sizes) <= 7
    for k in range(4):
        own = [n for n in handled if n // 100 == k]
        assert own == sorted(own)


def test_a_batch_that_fails_is_told_and_the_next_is_handled() -> None:
    told: list[tuple[list[int], str]] = []

    def handle(batch: list[int]) -> None:
        if 1 in batch:
            raise ValueError

    def done(batch: list[int], error: Exception | None) -> None:
        told.append((batch, type(error).__name__))
        if batch == [2]:
            raise RuntimeError("the loop is closed")

    batches = Batches(handle, done, most=1, name="test")
    for n in (1, 2, 3):
        batches.submit(n)
    batches.submit(4)
    batches.close()
    assert told[:2] == [([1], "ValueError"), ([2], "NoneType")]


def test_background_work_goes_on_after_a_failure_and_even_while_it_is_busy() -> None:
    handled: list[int] = []

    def handle(items: list[int]) -> None:
        if 2 in items:
            raise ValueError
        handled.extend(items)

    background = Background(handle, lambda: True, most=4, patience_s=0.0, name="test")
    done = threading.Event()
    for n in (1, 2, 3):
        background.submit(n)
    while 3 not in handled:
        done.wait(0.01)
    background.close()
    assert handled == [1, 3]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_want_a_database_that_is_away_one_tries_to_connect(
    executor: DatabaseExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def refuse(self: BaseDatabaseWrapper) -> None:
        tries.append(1)
        raise OperationalError("refused")

    monkeypatch.setattr(BaseDatabaseWrapper, "connect", refuse)
    monkeypatch.setattr(threads, "AWAY_S", 3600)
    monkeypatch.setattr(threads, "_away_until_s", 0.0)
    single = DatabaseExecutor(1, "single")
    futures = [single.submit(run_with_retry, connection.cursor) for _ in range(20)]
    assert {type(future.exception()) for future in futures} == {OperationalError}
    single.shutdown()
    assert len(tries) == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_is_opened_anew_and_the_job_done(executor: DatabaseExecutor) -> None:
    calls: list[int] = []

    def job() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return "done"

    def run() -> str:
        connection.ensure_connection()
        try:
            return run_with_retry(job)
        finally:
            connections.close_all()

    assert executor.ask(run) == "done"
    assert len(calls) == 2
