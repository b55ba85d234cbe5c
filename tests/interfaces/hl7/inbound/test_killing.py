"""kill -9 of a real listener at every step: nothing that was acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from interfaces.hl7.models import InboundMessage
from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import order
from tests.interfaces.hl7.wire import Client, parsed

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def a_hospital(transactional_db, hospital):
    return hospital


def database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    user, host, port, name = (database[key] for key in ("USER", "HOST", "PORT", "NAME"))
    password = f":{database['PASSWORD']}" if database["PASSWORD"] else ""
    return f"postgres://{user}{password}@{host}:{port}/{name}"


class Process:
    def __init__(self, tmp_path: Path, point: str = "-", after: int = 0) -> None:
        environment = os.environ | {
            "DATABASE_URL": database_url(),
            "RIS_DATA": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "ris.settings",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "tests.interfaces.hl7.child_listener", point, str(after)]
        self.child = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None
        self.port = int(self.child.stdout.readline())

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(10)


def try_to_send(port: int, raw: bytes) -> str:
    """MSA-1 of the answer; empty when there was none."""
    try:
        with Client(port, timeout=10) as sender:
            sender.send(raw)
            answer = sender.receive()
            return parsed(answer)[1][1] if answer else ""
    except OSError:
        return ""


POINTS = [
    "before store_messages",
    "after store_messages",
    "before process_batch",
    "inside decide",
    "after process_batch",
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_step_the_resend_is_taken_once(tmp_path, point):
    raw = order(control_id="KILL", placer="P1")
    first = Process(tmp_path, point)
    try:
        assert try_to_send(first.port, raw) == ""
        assert first.child.wait(10) == -signal.SIGKILL
        second = Process(tmp_path)
        try:
            assert try_to_send(second.port, raw) == "AA"
        finally:
            second.kill()
    finally:
        first.child.kill()
    assert Order.objects.count() == 1
    assert InboundMessage.objects.filter(state="applied").count() == 1


@pytest.mark.parametrize("point", ["after store_messages", "inside decide"])
def test_what_was_stored_is_applied_after_the_restart_even_if_nobody_sends_it_again(tmp_path, point):
    first = Process(tmp_path, point)
    assert try_to_send(first.port, order(control_id="ONCE")) == ""
    first.child.wait(10)
    second = Process(tmp_path)
    try:
        until = time.monotonic() + 20
        while not Order.objects.exists() and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        second.kill()
    assert Order.objects.count() == 1


def test_killed_again_and_again_under_load_no_acknowledged_order_is_lost_or_doubled(tmp_path):
    seed = random.randrange(10**6)
    print("seed", seed)  # noqa: T201
    chance, lock = random.Random(seed), threading.Lock()
    now: dict[str, Process] = {"listener": Process(tmp_path)}
    acknowledged: list[str] = []

    def send_all(sender: int) -> None:
        for n in range(12):
            placer = f"S{sender}N{n}"
            raw = order(placer=placer, control_id=f"C{placer}")
            until = time.monotonic() + 60  # a listener may take long to start
            while time.monotonic() < until:
                if try_to_send(now["listener"].port, raw) == "AA":
                    with lock:
                        acknowledged.append(placer)
                    break
                time.sleep(0.1)

    senders = [threading.Thread(target=send_all, args=(n,)) for n in range(4)]
    for thread in senders:
        thread.start()
    for _ in range(3):
        time.sleep(chance.uniform(0.2, 0.8))
        now["listener"].kill()
        now["listener"] = Process(tmp_path)
    for thread in senders:
        thread.join(120)
    now["listener"].kill()
    placers = list(Order.objects.values_list("placer_number", flat=True))
    assert sorted(acknowledged) == sorted(f"S{s}N{n}" for s in range(4) for n in range(12))
    assert sorted(placers) == sorted(acknowledged)
