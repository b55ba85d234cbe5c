from __future__ import annotations

from datetime import timedelta

import pytest

from ris.kernel import health
from ris.kernel.models import Alarm
from tests.factories import NOON

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=10)


def open_alarms() -> list[str]:
    return list(Alarm.objects.filter(cleared_at=None).values_list("kind", flat=True))


def test_sweeps_that_fall_silent_raise_an_alarm_and_their_return_clears_it() -> None:
    health.note_beat(health.SWEEPS, at=NOON)
    assert health.watch(since=NOON, at=NOON + timedelta(seconds=60))
    assert not health.watch(since=NOON, at=NOON + LATER)
    assert open_alarms() == ["sweeps-silent"]
    health.note_beat(health.SWEEPS, at=NOON + LATER)
    assert health.watch(since=NOON, at=NOON + LATER)
    assert open_alarms() == []


def test_a_system_that_has_just_started_is_given_its_time() -> None:
    health.note_beat(health.SWEEPS, at=NOON)
    start = NOON + timedelta(days=3)
    assert health.watch(since=start, at=start + timedelta(seconds=30))
    assert not health.watch(since=start, at=start + timedelta(seconds=100))


def test_sweeps_that_never_began_are_noticed_too() -> None:
    assert not health.watch(since=NOON, at=NOON + LATER)
    assert open_alarms() == ["sweeps-silent"]
