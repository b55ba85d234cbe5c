from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from interfaces.hl7 import tasks
from interfaces.hl7.models import InboundMessage
from interfaces.hl7.operations import retention
from ris.config import read_config
from ris.config_values import Misconfigured
from ris.kernel.clock import now
from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import order, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def last_month(hospital) -> None:
    """Two orders and one refusal of 30 days ago."""
    for number in (1, 2):
        take(order(placer=f"P{number}", control_id=f"M{number}"))
    take(order("QQ", control_id="BAD"))
    InboundMessage.objects.update(received_at=now() - timedelta(days=30))


def keep(settings, days: int | None) -> None:
    settings.RIS = dataclasses.replace(settings.RIS, hl7_keep_days=days)


def test_messages_are_kept_for_ever_unless_somebody_says_otherwise(last_month, settings):
    assert settings.RIS.hl7_keep_days is None
    tasks.forget()
    assert InboundMessage.objects.count() == 3


def test_what_is_older_than_the_policy_goes_and_what_was_done_with_it_stays(last_month, settings):
    keep(settings, 31)
    tasks.forget()
    assert InboundMessage.objects.count() == 3
    keep(settings, 29)
    tasks.forget()
    assert [row.state for row in InboundMessage.objects.all()] == ["refused"]
    assert Order.objects.count() == 2


def test_one_look_deletes_so_many_and_the_next_goes_on(last_month, monkeypatch):
    monkeypatch.setattr(retention, "ROUNDS", 1)
    once = retention.delete_messages
    monkeypatch.setattr(retention, "delete_messages", lambda *, before: once(before=before, limit=1))
    assert [retention.delete_expired_messages(days=7, at=now()) for _ in range(3)] == [1, 1, 0]


@pytest.mark.parametrize("wrong", ["0", "-1", "a year", "99999999"])
def test_a_policy_that_is_no_number_of_days_is_refused(wrong: str, tmp_path: Path):
    with pytest.raises(Misconfigured, match="RIS_HL7_KEEP_DAYS"):
        read_config({"RIS_DATA": str(tmp_path), "RIS_HL7_KEEP_DAYS": wrong})
    assert read_config({"RIS_DATA": str(tmp_path), "RIS_HL7_KEEP_DAYS": "365"}).hl7_keep_days == 365
