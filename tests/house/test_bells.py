"""Bells: a ring never waits and never fails, and many are few."""

from __future__ import annotations

import threading
import time

import pytest

from ris.bells import Bells
from ris.celery import WAKES, app
from ris.kernel import doorbell
from tests.serving import wait_for


def test_a_burst_of_rings_is_a_few_messages() -> None:
    sent: list[str] = []
    bells = Bells(sent.append)
    for _ in range(1000):
        bells.ring("deliver")
    wait_for(lambda: sent, seconds=2, what="a message")
    time.sleep(0.1)
    assert 1 <= len(sent) <= 5


def test_a_ring_after_a_message_is_another_message() -> None:
    sent: list[str] = []
    bells = Bells(sent.append)
    bells.ring("deliver")
    wait_for(lambda: len(sent) == 1, seconds=2, what="the first")
    bells.ring("deliver")
    wait_for(lambda: len(sent) == 2, seconds=2, what="the second")


def test_whoever_rings_does_not_wait_for_a_broker_that_hangs() -> None:
    gate = threading.Event()
    bells = Bells(lambda task: gate.wait(10))
    began = time.monotonic()
    for _ in range(100):
        bells.ring("deliver")
    assert time.monotonic() - began < 0.5
    gate.set()


def test_a_broker_that_fails_is_tried_again_at_the_next_ring() -> None:
    tries: list[str] = []

    def send(task: str) -> None:
        tries.append(task)
        if len(tries) == 1:
            raise OSError("connection refused")

    bells = Bells(send)
    bells.ring("deliver")
    wait_for(lambda: len(tries) == 1, seconds=2, what="the first try")
    bells.ring("deliver")
    wait_for(lambda: len(tries) == 2, seconds=2, what="the second try")


def test_every_bell_wakes_a_task_that_exists_and_every_sweep_too() -> None:
    app.loader.import_default_modules()
    named = {*WAKES.values(), *(line["task"] for line in app.conf.beat_schedule.values())}
    assert named <= set(app.tasks)
    assert doorbell.RELAY in WAKES


@pytest.mark.parametrize("setting", ["task_ignore_result", "broker_connection_retry_on_startup"])
def test_nothing_is_kept_in_the_broker_that_could_be_missed(setting: str) -> None:
    assert app.conf[setting] is True
