"""A screen locks, is unlocked by its person, and taken over by another without showing or losing anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client

from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.people.login import throttle
from ris.people.models import LoginRule, User
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_order, make_user
from worklist.selectors.access import standing_of

pytestmark = pytest.mark.django_db

JSON = {"Accept": "application/json"}


def working(name: str, role: Role = Role.SCHEDULER) -> Client:
    """A browser in which the person of that name has logged in."""
    if not User.objects.filter(username=name).exists():
        make_user(name, role, sites=(SiteFactory(),))
    client = Client()
    assert client.post("/login/", {"username": name, "password": name}).status_code == 302
    return client


def test_an_idle_screen_locks_and_shows_nothing_until_its_person_unlocks_it() -> None:
    order = make_order(patient=PatientFactory(family_name="ZZCANARY"))
    with time_machine.travel(NOON, tick=False) as clock:
        seth = working("seth")
        page = f"/orders/{order.pk}/"
        assert b"ZZCANARY" in seth.get(page).content
        clock.shift(timedelta(minutes=15, seconds=1))
        sent = seth.get(page)
        assert sent["Location"] == f"/lock/?next=/orders/{order.pk}/".replace("=/orders", "=%2Forders").replace(
            f"/{order.pk}/", f"%2F{order.pk}%2F"
        )
        assert b"ZZCANARY" not in seth.get(sent["Location"]).content
        for headers in (JSON, {"HX-Request": "true"}, {"X-By-Itself": "1"}):
            answer = seth.get(page, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (423, "locked")
        assert seth.get("/api/orders/").status_code == 423
        assert seth.post("/lock/seen/").status_code == 423, "a page cannot wake a locked session"
        assert seth.post("/lock/unlock/", {"secret": "no"}).status_code == 403
        assert seth.get(page).status_code == 302
        assert seth.post("/lock/unlock/", {"secret": "seth", "next": page})["Location"] == page
        assert b"ZZCANARY" in seth.get(page).content
        kinds = list(
            AuditEvent.objects.filter(actor="seth", action__startswith="people.").values_list("action", flat=True)
        )
        assert kinds == ["people.login", "people.lock", "people.login-failed", "people.unlock"]


def test_work_that_asks_nothing_of_the_server_keeps_the_screen_open_and_a_clock_does_not() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        typing, away = working("seth"), working("seth")
        for _ in range(4):
            clock.shift(timedelta(minutes=5))
            assert typing.post("/lock/seen/").status_code == 204
            away.get("/orders/", headers={"X-By-Itself": "1"})
        assert typing.get("/orders/").status_code == 200
        assert away.get("/orders/").status_code == 302


@pytest.mark.parametrize("minutes,locked", [(3, True), (30, False)])
def test_the_strictest_rule_of_role_and_site_says_when(minutes: int, locked: bool) -> None:
    north, south = SiteFactory(), SiteFactory(code="south")
    LoginRule.objects.create(role=Role.SCHEDULER, site=north, idle_minutes=minutes)
    LoginRule.objects.create(site=south, idle_minutes=1)
    LoginRule.objects.create(role=Role.RADIOLOGIST, idle_minutes=1)
    with time_machine.travel(NOON, tick=False) as clock:
        seth = working("seth")
        assert f'data-idle="{60 * minutes}"' in seth.get("/orders/").content.decode()
        clock.shift(timedelta(minutes=20))
        assert (seth.get("/orders/").status_code == 302) is locked


def test_a_pin_unlocks_one_s_own_screen_but_logs_nobody_in_and_is_throttled() -> None:
    seth = working("seth")
    for pin in ("12345", "111111", "123456", "12ab56"):
        assert seth.post("/profile/pin/", {"pin": pin}).status_code == 400
    assert seth.post("/profile/pin/", {"pin": "840291"}).status_code == 302
    assert "840291" not in str(User.objects.values())
    assert Client().post("/login/", {"username": "seth", "password": "840291"}).status_code == 200
    seth.post("/lock/now/")
    assert seth.post("/lock/unlock/", {"secret": "840291"}).status_code == 302
    assert seth.get("/orders/").status_code == 200
    seth.post("/lock/now/")
    for _ in range(throttle.MOST_OF_ACCOUNT):
        assert seth.post("/lock/unlock/", {"secret": "840292"}, headers=JSON).status_code == 403
    refused = seth.post("/lock/unlock/", {"secret": "840291"}, headers=JSON).json()
    assert refused["code"] == "throttled" and seth.get("/orders/").status_code == 302


def test_another_person_switches_in_one_request_and_inherits_nothing() -> None:
    make_user("theo", Role.TECHNOLOGIST, sites=(SiteFactory(),))
    browser = working("seth")
    session = browser.session
    session["zz-secret"] = "of seth"
    session.save()
    key = str(browser.session.session_key)
    browser.post("/lock/now/")
    wrong = browser.post("/lock/login/", {"username": "theo", "password": "no"}, headers=JSON)
    assert wrong.status_code == 403 and browser.get("/lock/state/").json()["locked"], (
        "a slip does not end seth's session"
    )
    answer = browser.post("/lock/login/", {"username": "theo", "password": "theo"}, headers=JSON).json()
    theo = User.objects.get(username="theo")
    assert (answer["user"], answer["go"]) == (theo.pk, "/")
    assert browser.session.session_key != key and "zz-secret" not in browser.session
    assert not Session.objects.filter(session_key=key).exists(), (
        "seth's session is over, and with it every socket of it"
    )
    assert browser.get("/board/").status_code == 200 and browser.get("/orders/new/").status_code == 403
    assert browser.get("/lock/state/").json() | {"csrf": ""} == {"user": theo.pk, "locked": False, "csrf": ""}


def test_who_was_logged_off_logs_in_over_the_page_with_a_token_that_counts() -> None:
    browser = working("seth")
    browser.logout()
    strict = Client(enforce_csrf_checks=True)
    assert browser.get("/orders/", headers=JSON).status_code == 401
    token = strict.get("/lock/state/").json()
    assert token["user"] is None
    news = strict.post("/lock/login/", {"username": "seth", "password": "seth"}, headers={"X-CSRFToken": token["csrf"]})
    assert news.json()["user"] == User.objects.get(username="seth").pk
    theme = {"theme": "dark"}
    assert strict.post("/profile/theme/", theme, headers={"X-CSRFToken": token["csrf"]}).status_code == 403
    assert strict.post("/profile/theme/", theme, headers={"X-CSRFToken": news.json()["csrf"]}).status_code == 204


def test_a_socket_hears_nothing_while_its_session_is_locked() -> None:
    rada = working("rada", Role.RADIOLOGIST)
    key = str(rada.session.session_key)
    assert key in standing_of([key])
    rada.post("/lock/now/")
    assert standing_of([key]) == {}
    rada.post("/lock/unlock/", {"secret": "rada"})
    assert key in standing_of([key])
    assert standing_of([key], at=now() + timedelta(minutes=16)) == {}


def test_every_page_says_as_whom_one_acts() -> None:
    page = working("seth").get("/orders/").content.decode()
    assert "Scheduler · north" in page


def test_a_next_that_leads_elsewhere_is_not_followed() -> None:
    seth = working("seth")
    seth.post("/lock/now/")
    assert seth.post("/lock/unlock/", {"secret": "seth", "next": "https://evil.example/"})["Location"] == "/"
