from __future__ import annotations

from datetime import timedelta

import pytest

from ris.kernel import heartbeat
from ris.kernel.models import Alarm
from tests.factories import NOON

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=10)


def open_alarms() -> list[str]:
    return list(Alarm.objects.filter(cleared_at=None).values_list("kind", flat=True))


def test_sweeps_that_fall_silent_raise_an_alarm_and_their_return_clears_it() -> None:
    heartbeat.note_beat(heartbeat.SWEEPS, at=NOON)
    assert heartbeat.watch(since=NOON, at=NOON + timedelta(seconds=60))
    assert not heartbeat.watch(since=NOON, at=NOON + LATER)
    assert open_alarms() == ["sweeps-silent"]
    heartbeat.note_beat(heartbeat.SWEEPS, at=NOON + LATER)
    assert heartbeat.watch(since=NOON, at=NOON + LATER)
    assert open_alarms() == []


def test_a_system_that_has_just_started_is_given_its_time() -> None:
    heartbeat.note_beat(heartbeat.SWEEPS, at=NOON)
    start = NOON + timedelta(days=3)
    assert heartbeat.watch(since=start, at=start + timedelta(seconds=30))
    assert not heartbeat.watch(since=start, at=start + timedelta(seconds=100))


def test_sweeps_that_never_began_are_noticed_too() -> None:
    assert not heartbeat.watch(since=NOON, at=NOON + LATER)
    assert open_alarms() == ["sweeps-silent"]
