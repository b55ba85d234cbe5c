"""While the broker is away, roles that need none do what is overdue; while it is there they leave it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from ris.celery import EVERY
from ris.kernel import events, health
from ris.kernel.errors import is_disk_full
from ris.kernel.events import Event, emit, subscribe
from ris.kernel.models import Alarm
from ris.serving.sweeps import SILENT, FallbackSweeps
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, kw_only=True)
class LampLit(Event):
    """A fact of this test."""


@pytest.fixture
def heard() -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(event: LampLit) -> None:
        heard.append(event.stream)

    subscribe(LampLit, name="tests.lamp")(hear)
    yield heard
    events._subscribers.pop("LampLit")


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_what_no_worker_delivered_is_delivered_well_within_ten_seconds(heard: list[str]) -> None:
    health.note_beat(health.SWEEPS, at=NOON)
    fallback = FallbackSweeps(NOON - after(3600))
    emit(LampLit(stream="A1", at=NOON))
    fallback.look(NOON + after(2))
    assert heard == []  # that is a worker's business
    assert fallback.look(NOON + after(6)) == ["ris.kernel.tasks.deliver"]
    assert heard == ["A1"]
    assert fallback.look(NOON + after(8)) == []


def test_the_other_sweeps_are_done_here_only_while_nobody_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    tasks = {name: lambda name=name: ran.append(name) for name in EVERY}
    monkeypatch.setattr("ris.serving.sweeps.app", type("App", (), {"tasks": tasks}))
    fallback = FallbackSweeps(NOON - after(3600))
    health.note_beat(health.SWEEPS, at=NOON)
    fallback.look(NOON + after(30))
    assert ran == []
    silent_at = NOON + SILENT + after(1)
    assert set(fallback.look(silent_at)) == set(EVERY) - {"ris.kernel.tasks.beat"}
    assert "worklist.tasks.sweep" in ran and "ris.kernel.tasks.beat" not in ran
    ran.clear()
    fallback.look(silent_at + after(6))
    assert ran == [name for name, seconds in EVERY.items() if seconds <= 6 and name != "ris.kernel.tasks.beat"]
    ran.clear()
    health.note_beat(health.SWEEPS, at=silent_at + after(7))
    assert fallback.look(silent_at + after(20)) == []


def test_a_disk_that_runs_low_is_an_alarm_until_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: object
) -> None:
    from django.test import Client

    web = Client()
    monkeypatch.setattr(health, "free_bytes", lambda folder: 10_000_000)
    assert not health.watch_space(tmp_path, at=NOON)
    assert "10 MB" in Alarm.objects.get(kind="disk-low", cleared_at=None).detail
    answer = web.get("/healthz")
    assert (answer.status_code, answer.json()["disk"]) == (503, "full")
    monkeypatch.setattr(health, "free_bytes", lambda folder: 500_000_000)
    answer = web.get("/healthz")
    assert (answer.status_code, answer.json()["disk"]) == (200, "low")
    monkeypatch.setattr(health, "free_bytes", lambda folder: 5_000_000_000)
    assert health.watch_space(tmp_path, at=NOON)
    assert not Alarm.objects.filter(kind="disk-low", cleared_at=None).exists()


def test_a_full_disk_is_known_by_the_databases_own_words() -> None:
    import sqlite3

    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    wrapped = RuntimeError()
    wrapped.__cause__ = full
    assert is_disk_full(wrapped)
    assert is_disk_full(OSError(28, "No space left on device"))
    assert not is_disk_full(ValueError("full"))
