"""Log-in by password and second factor: throttled, audited, and demanded where a rule says so."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings
from django.test import Client

from ris.audit.models import AuditEvent
from ris.kernel.models import Alarm
from ris.people.login import throttle
from ris.people.models import LoginFailure, LoginRule, User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user

pytestmark = pytest.mark.django_db

WRONG = "User name or password is wrong."


def log_in(client: Client, name: str, password: str | None = None, **extra: str) -> str:
    """Where the browser is sent, or the words of the refusal."""
    answer = client.post("/login/", {"username": name, "password": password or name}, **extra)
    if answer.status_code == 302:
        return str(answer["Location"])
    found = re.search(r'role="alert">.*?<div>(.*?)</div>', answer.content.decode(), re.DOTALL)
    assert found
    return found[1].strip()


def test_a_password_logs_in_and_a_wrong_one_is_audited_without_naming_unknown_accounts() -> None:
    rada = make_user("rada", Role.RADIOLOGIST, sites=(SiteFactory(),))
    assert log_in(Client(), "rada", "no") == WRONG
    assert log_in(Client(), "zz-my-password", "no") == WRONG
    assert log_in(Client(), "Rada", "rada") == "/"
    events = AuditEvent.objects.filter(action__in=("people.login-failed", "people.login")).order_by("id")
    assert [(event.actor, event.user_id) for event in events] == [
        ("rada", rada.pk), ("unknown account", None), ("rada", rada.pk)
    ]  # fmt: skip
    assert events[2].detail == {"methods": ["password"]}
    assert "zz-my-password" not in str(list(LoginFailure.objects.values()) + list(AuditEvent.objects.values()))


def test_after_ten_wrong_passwords_the_right_one_waits_a_quarter_of_an_hour_and_an_alarm_is_open() -> None:
    make_user("rada", Role.RADIOLOGIST)
    make_user("seth", Role.SCHEDULER)
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(150):
            log_in(Client(), "rada", "no", REMOTE_ADDR="10.0.0.1")
        assert LoginFailure.objects.count() == throttle.MOST_OF_ACCOUNT
        assert log_in(Client(), "rada", "rada", REMOTE_ADDR="10.0.0.2").startswith("Too many wrong attempts")
        assert log_in(Client(), "seth", "seth", REMOTE_ADDR="10.0.0.1") == "/", "others are not locked out"
        assert Alarm.objects.get(kind="login-failures").subject == "rada"
        clock.shift(throttle.WINDOW + timedelta(seconds=1))
        assert log_in(Client(), "rada", "rada") == "/"


def test_an_address_that_tries_many_accounts_is_throttled() -> None:
    make_user("rada", Role.RADIOLOGIST)
    for number in range(throttle.MOST_OF_ADDRESS):
        log_in(Client(), f"guess{number}", "no", REMOTE_ADDR="10.0.0.1")
    assert log_in(Client(), "rada", "rada", REMOTE_ADDR="10.0.0.1").startswith("Too many wrong attempts")
    assert log_in(Client(), "rada", "rada", REMOTE_ADDR="10.0.0.2") == "/"


def test_a_client_does_not_escape_the_throttle_by_naming_another_address() -> None:
    make_user("rada", Role.RADIOLOGIST)
    for number in range(throttle.MOST_OF_ADDRESS):
        log_in(Client(), f"guess{number}", "no", HTTP_X_FORWARDED_FOR=f"10.1.1.{number}")
    assert log_in(Client(), "rada", "rada", HTTP_X_FORWARDED_FOR="10.2.2.2").startswith("Too many wrong attempts")


def test_an_inactive_account_is_refused_in_the_words_of_a_wrong_password() -> None:
    make_user("gone", Role.RADIOLOGIST, is_active=False)
    assert log_in(Client(), "gone", "gone") == WRONG
    assert not AuditEvent.objects.filter(action="people.login").exists()


def code_of(secret: str, ahead: int = 0) -> str:
    """The code that an authenticator app shows for the secret; ``ahead`` steps from now."""
    counter = next(iter(yield_hotp_counters_from_time())) + 1 + ahead
    return str(format_hotp_value(hotp_value(secret, counter)))


def enrol(client: Client) -> tuple[str, list[str]]:
    """Set up an authenticator app; its secret, and the recovery codes that are shown once."""
    page = client.get("/account/second-factor/totp/activate/")
    secret = page.context["form"].secret
    answer = client.post("/account/second-factor/totp/activate/", {"code": code_of(secret)}, follow=True)
    codes = answer.context["unused_codes"]
    assert len(codes) == 10
    return secret, codes


def test_whom_a_rule_demands_a_second_factor_of_sees_only_the_page_to_set_one_up() -> None:
    north = SiteFactory()
    make_user("ada", Role.ADMINISTRATOR, sites=(north,))
    make_user("seth", Role.SCHEDULER, sites=(north,))
    LoginRule.objects.create(role=Role.ADMINISTRATOR, site=north, second_factor=True)
    seth, ada = Client(), Client()
    log_in(seth, "seth")
    assert seth.get("/orders/").status_code == 200
    log_in(ada, "ada")
    assert ada.get("/orders/")["Location"] == "/account/second-factor/"
    assert ada.get("/api/orders/").json()["code"] == "second-factor"
    assert ada.get("/orders/", headers={"HX-Request": "true"}).status_code == 403
    assert ada.get("/account/second-factor/").status_code == 200
    enrol(ada)
    assert ada.get("/orders/").status_code == 200


def test_a_second_factor_is_asked_for_and_wrong_codes_are_throttled() -> None:
    make_user("ada", Role.ADMINISTRATOR)
    first = Client()
    log_in(first, "ada")
    secret, recovery = enrol(first)
    second = Client()
    assert log_in(second, "ada") == "/account/second-factor/authenticate/"
    assert second.get("/profile/")["Location"].startswith("/login/"), "a password alone is no log-in"
    assert second.post("/account/second-factor/authenticate/", {"code": "000000"}).status_code == 200
    right = second.post("/account/second-factor/authenticate/", {"code": code_of(secret, ahead=1)})
    assert right["Location"] == "/" and second.get("/profile/").status_code == 200
    assert AuditEvent.objects.filter(action="people.login").last().detail == {"methods": ["password", "totp"]}  # type: ignore[union-attr]
    third = Client()
    log_in(third, "ada")
    assert third.post("/account/second-factor/authenticate/", {"code": recovery[0]})["Location"] == "/"
    fourth = Client()
    log_in(fourth, "ada")
    for code in [recovery[0]] + ["000000"] * throttle.MOST_OF_ACCOUNT:  # a recovery code counts once
        fourth.post("/account/second-factor/authenticate/", {"code": code})
    answer = fourth.post("/account/second-factor/authenticate/", {"code": recovery[1]})
    assert "Too many wrong attempts" in answer.content.decode()


def test_a_page_that_changes_second_factors_asks_again_after_five_minutes() -> None:
    make_user("ada", Role.ADMINISTRATOR)
    with time_machine.travel(NOON, tick=False) as clock:
        client = Client()
        log_in(client, "ada")
        assert client.get("/account/second-factor/totp/activate/").status_code == 200
        clock.shift(timedelta(minutes=6))
        asked = client.get("/account/second-factor/totp/activate/")
        assert asked["Location"].startswith("/account/reauthenticate/")
        assert client.post(asked["Location"], {"password": "no"}).status_code == 200
        back = client.post(asked["Location"], {"password": "ada"})
        assert back["Location"] == "/account/second-factor/totp/activate/"
        assert client.get(back["Location"]).status_code == 200


def test_one_changes_one_s_own_password_and_other_browsers_are_out() -> None:
    make_user("rada", Role.RADIOLOGIST, sites=(SiteFactory(),))
    here, there = Client(), Client()
    log_in(here, "rada")
    log_in(there, "rada")
    said = {"oldpassword": "rada", "password1": "zz-made-up-0815", "password2": "zz-made-up-0815"}
    assert "The password is wrong" in here.post("/account/password/", said | {"oldpassword": "x"}).content.decode()
    assert here.post("/account/password/", said)["Location"] == "/profile/"
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/")["Location"].startswith("/login/")
    assert log_in(Client(), "rada", "zz-made-up-0815") == "/"
    assert AuditEvent.objects.filter(action="people.password", actor="rada").count() == 1


def test_a_session_ends_after_twelve_hours_whatever_is_done_in_it() -> None:
    make_user("rada", Role.RADIOLOGIST)
    with time_machine.travel(NOON, tick=False) as clock:
        client = Client()
        log_in(client, "rada")
        for _ in range(72):
            clock.shift(timedelta(minutes=10))
            assert client.get("/profile/").status_code == 200
        clock.shift(timedelta(seconds=1))
        assert client.get("/profile/").status_code == 302
        assert timedelta(hours=12) == settings.LONGEST_SESSION


def test_one_ends_one_s_own_sessions_and_nobody_else_s() -> None:
    make_user("rada", Role.RADIOLOGIST)
    make_user("seth", Role.SCHEDULER)
    here, there, third, foreign = Client(), Client(HTTP_USER_AGENT="ZZ reading room"), Client(), Client()
    for client, name in ((here, "rada"), (there, "rada"), (third, "rada"), (foreign, "seth")):
        log_in(client, name)
    page = here.get("/profile/sessions/")
    rows = {row.device: row.session_id for row in page.context["sessions"]}
    assert len(page.context["sessions"]) == 3 and [row.here for row in page.context["sessions"]].count(True) == 1
    target = rows["ZZ reading room"]
    assert foreign.post(f"/profile/sessions/{target}/end/").status_code == 404
    assert there.get("/profile/").status_code == 200
    assert here.post(f"/profile/sessions/{target}/end/").status_code == 302
    assert there.get("/profile/").status_code == 302 and third.get("/profile/").status_code == 200
    here.post("/profile/sessions/end/")
    assert third.get("/profile/").status_code == 302 and here.get("/profile/").status_code == 200
    assert foreign.get("/profile/").status_code == 200


@pytest.mark.parametrize("path", ["/account/signup/", "/signup/", "/account/email/", "/account/password/reset/"])
def test_there_is_no_sign_up_and_no_e_mail(path: str) -> None:
    assert Client().get(path).status_code == 404
    assert User.objects.count() == 0
