"""A screen that nobody touches logs off; what it does by itself does not count as a touch."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client

from ris.people.models import User
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def is_in(client: Client, at: datetime, **headers: str) -> bool:
    with time_machine.travel(at, tick=False):
        return client.get("/profile/", headers=headers).status_code == 200


@pytest.fixture
def client() -> Client:
    client = Client()
    with time_machine.travel(NOON, tick=False):
        client.force_login(User.objects.create_user("zztest"))
    assert is_in(client, NOON)
    return client


def test_a_person_who_works_stays(client: Client) -> None:
    assert all(is_in(client, NOON + timedelta(minutes=14 * n)) for n in range(1, 6))


def test_a_person_who_went_away_is_out_after_fifteen_minutes(client: Client) -> None:
    assert is_in(client, NOON + timedelta(minutes=14))
    assert not is_in(client, NOON + timedelta(minutes=30))


def test_a_page_that_refreshes_itself_keeps_nobody_in(client: Client) -> None:
    for minute in range(1, 15):
        assert is_in(client, NOON + timedelta(minutes=minute), **{"X-By-Itself": "1"})
    assert not is_in(client, NOON + timedelta(minutes=16), **{"X-By-Itself": "1"})
    assert not is_in(client, NOON + timedelta(minutes=16))
