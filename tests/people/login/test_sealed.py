"""The sealed administrator: no door until the server's console opens it, an alarm while it is open, then none again."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.kernel.models import Alarm
from ris.people.login.policy import SEALED
from ris.people.models import LoginRule, User
from ris.people.roles import Role
from ris.people.tasks import end_locums
from tests.factories import NOON, SiteFactory, make_user

pytestmark = pytest.mark.django_db


def opened(**options: Any) -> str:
    out = StringIO()
    call_command("admin", "open", reason="the provider is away", stdout=out, stderr=StringIO(), **options)
    name, password = out.getvalue().split()
    assert name == SEALED
    return password


def try_to_log_in(password: str) -> Client:
    browser = Client()
    browser.post("/login/", {"username": SEALED, "password": password})
    return browser


def test_it_is_open_for_hours_alarmed_and_closes_by_itself() -> None:
    SiteFactory()
    LoginRule.objects.create(second_factor=True)
    with time_machine.travel(NOON, tick=False) as clock:
        with pytest.raises(CommandError, match="why"):
            call_command("admin", "open")
        first = opened()
        browser = try_to_log_in(first)
        assert browser.get(reverse("admin:index")).status_code == 200, "the console stands for the second factor"
        alarm = Alarm.objects.get(kind="administrator-unsealed", cleared_at=None)
        assert "the provider is away" in alarm.detail
        event = AuditEvent.objects.get(action="people.seal-open")
        assert event.actor.startswith("console: ") and event.reason == "the provider is away"
        assert first not in str(AuditEvent.objects.values()) + alarm.detail
        clock.shift(timedelta(hours=4))
        # Before any sweep: a worker that is dead, too, must not leave it open.
        assert browser.get(reverse("admin:index")).status_code == 302
        assert try_to_log_in(first).get(reverse("admin:index")).status_code == 302
        end_locums()
        assert not User.objects.get(username=SEALED).is_active
        assert not Alarm.objects.filter(kind="administrator-unsealed", cleared_at=None).exists()
        second = opened()
        assert second != first
        assert try_to_log_in(first).get(reverse("admin:index")).status_code == 302
        browser = try_to_log_in(second)
        call_command("admin", "seal", stdout=StringIO())
        assert browser.get(reverse("admin:index")).status_code == 302
        assert try_to_log_in(second).get(reverse("admin:index")).status_code == 302


def test_no_administrator_opens_it_from_a_browser() -> None:
    make_user("ada", Role.ADMINISTRATOR)
    opened()
    call_command("admin", "seal", stdout=StringIO())
    browser, sealed = Client(), User.objects.get(username=SEALED)
    browser.post("/login/", {"username": "ada", "password": "ada"})
    for route in ("admin:people_user_change", "admin:auth_user_password_change"):
        assert browser.post(reverse(route, args=[sealed.pk]), {"is_active": "on"}).status_code == 403, route
    sealed.refresh_from_db()
    assert not sealed.is_active and sealed.leaves_at is not None and sealed.leaves_at > now()
