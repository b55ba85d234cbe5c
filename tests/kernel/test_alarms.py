"""An alarm is one open row, however often it is raised."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.models import Alarm
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def test_an_alarm_raised_again_is_counted_and_a_cleared_one_opens_anew() -> None:
    raise_alarm("destination-down", "EMR", at=NOON)
    raise_alarm("destination-down", "EMR", at=NOON + timedelta(minutes=1))
    alarm = Alarm.objects.get()
    assert (alarm.times, alarm.last_at) == (2, NOON + timedelta(minutes=1))
    assert clear_alarm("destination-down", "EMR", at=NOON + timedelta(minutes=2))
    assert not clear_alarm("destination-down", "EMR", at=NOON + timedelta(minutes=3))
    raise_alarm("destination-down", "EMR", at=NOON + timedelta(hours=1))
    assert Alarm.objects.count() == 2
