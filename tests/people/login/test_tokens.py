"""API tokens: made and revoked by their people, and never more than they carry."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.people.models import ApiToken
from ris.people.roles import Can, Role
from tests.factories import NOON, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db

FORM = {"label": "night script", "days": "30"}


def working(name: str) -> Client:
    client = Client()
    assert client.post("/login/", {"username": name, "password": name}).status_code == 302
    return client


def make(client: Client, **said: object) -> str:
    """The token that the page shows once."""
    answer = client.post("/profile/tokens/", FORM | said)
    assert answer.status_code == 200, answer.content.decode()
    found = re.search(r'id="token">(wet_[\w-]+)<', answer.content.decode())
    assert found and answer.headers["Cache-Control"].startswith("max-age=0")
    return found[1]


def calling(token: str) -> APIClient:
    return APIClient(headers={"authorization": f"Bearer {token}"})


def test_a_token_is_seen_once_works_until_it_runs_out_and_says_when_it_was_used() -> None:
    order = make_order()
    make_user("seth", Role.SCHEDULER, sites=(order.site,))
    with time_machine.travel(NOON, tick=False) as clock:
        seth = working("seth")
        token = make(seth)
        assert token not in seth.get("/profile/tokens/").content.decode()
        assert token not in str(ApiToken.objects.values()) + str(AuditEvent.objects.values())
        assert calling(token).get(f"/api/orders/{order.pk}/").status_code == 200
        assert ApiToken.objects.get().last_used_at == NOON
        clock.shift(timedelta(days=30))
        assert calling(token).get(f"/api/orders/{order.pk}/").status_code == 401


def test_a_token_carries_no_more_than_it_was_given() -> None:
    north, south = SiteFactory(), SiteFactory(code="south")
    here, there = make_order(site=north), make_order(site=south)
    make_user("seth", Role.SCHEDULER, sites=(north, south))
    seth = working("seth")
    reads = calling(make(seth, read_only="1"))
    assert reads.get(f"/api/orders/{here.pk}/").status_code == 200
    assert reads.post(f"/api/orders/{here.pk}/cancel/", {"reason": "zz"}).status_code == 403
    scoped = calling(make(seth, scopes=[Can.SEE_ORDERS.value]))
    assert scoped.get(f"/api/orders/{there.pk}/").status_code == 200
    assert scoped.post(f"/api/orders/{here.pk}/cancel/", {"reason": "zz"}).status_code == 403
    local = calling(make(seth, sites=[str(north.pk)]))
    assert local.get(f"/api/orders/{here.pk}/").status_code == 200
    assert local.get(f"/api/orders/{there.pk}/").status_code == 404
    assert [row["id"] for row in local.get("/api/orders/").json()["results"]] == [here.pk]
    assert seth.get(f"/orders/{there.pk}/").status_code == 200, "the person is not limited by their token"
    whole = calling(make(seth))
    assert whole.post(f"/api/orders/{here.pk}/cancel/", {"reason": "zz"}).status_code == 200


@pytest.mark.parametrize("said", [{"days": "0"}, {"days": "366"}, {"days": "x"}, {"label": " "}, {"sites": ["77777"]}])
def test_what_cannot_be_is_not_made(said: dict[str, object]) -> None:
    make_user("seth", Role.SCHEDULER, sites=(SiteFactory(),))
    assert working("seth").post("/profile/tokens/", FORM | said).status_code == 400
    assert not ApiToken.objects.exists()


def test_one_asks_again_who_is_there_before_a_token_is_made() -> None:
    make_user("seth", Role.SCHEDULER, sites=(SiteFactory(),))
    with time_machine.travel(NOON, tick=False) as clock:
        seth = working("seth")
        clock.shift(timedelta(minutes=6))
        asked = seth.post("/profile/tokens/", FORM)
        assert asked["Location"].startswith("/account/reauthenticate/") and not ApiToken.objects.exists()
        done = seth.post(asked["Location"], {"password": "seth"})
        assert done.status_code == 200 and "wet_" in done.content.decode()
        assert ApiToken.objects.get().label == "night script"


def test_one_revokes_one_s_own_and_set_up_anybody_s() -> None:
    order = make_order()
    make_user("seth", Role.SCHEDULER, sites=(order.site,))
    make_user("tina", Role.TECHNOLOGIST, sites=(order.site,))
    make_user("ada", Role.ADMINISTRATOR, sites=(order.site,))
    token = make(working("seth"))
    where = f"/profile/tokens/{ApiToken.objects.get().pk}/revoke/"
    assert working("tina").post(where).status_code == 404
    assert "night script" not in working("tina").get("/profile/tokens/").content.decode()
    assert calling(token).get(f"/api/orders/{order.pk}/").status_code == 200
    ada = working("ada")
    assert "night script" in ada.get("/profile/tokens/").content.decode()
    assert ada.post(where).status_code == 302
    assert calling(token).get(f"/api/orders/{order.pk}/").status_code == 401
    assert AuditEvent.objects.get(action="people.revoke-token").actor == "ada"
