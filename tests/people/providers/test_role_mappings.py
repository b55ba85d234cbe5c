"""The table of role mappings: who may change it, on the page after showing who they are, and over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.people.models import RoleMapping
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user

from .conftest import use_providers

pytestmark = pytest.mark.django_db

ROW = {"provider": "", "value": "CN=rad", "role": "resident", "site": ""}


def test_an_administrator_keeps_them_after_showing_who_they_are(settings: Any) -> None:
    use_providers(settings, [{"id": "hospital", "name": "Hospital log-in", "kind": "oidc", "client_id": "zz",
                              "issuer": "https://idp.example"}])  # fmt: skip
    make_user("ada", Role.ADMINISTRATOR)
    with time_machine.travel(NOON, tick=False) as clock:
        browser = Client()
        browser.post("/login/", {"username": "ada", "password": "ada"})
        assert browser.post("/role-mappings/", ROW).status_code == 302
        assert browser.post("/role-mappings/", ROW).status_code == 409
        page = browser.get("/role-mappings/").content.decode()
        assert "CN=rad" in page and "http://testserver/login/oidc/hospital/callback/" in page
        clock.shift(timedelta(minutes=6))
        row = RoleMapping.objects.get()
        answer = browser.post(f"/role-mappings/{row.pk}/remove/")
        assert answer["Location"].startswith("/account/reauthenticate/") and RoleMapping.objects.exists()
        browser.post(answer["Location"], {"password": "ada"})
        assert not RoleMapping.objects.exists(), "the form goes on once the password was shown"
    assert AuditEvent.objects.filter(action__startswith="people.mapping-").count() == 2


@pytest.mark.parametrize("role", [Role.LEAD, Role.PRIVACY_OFFICER])
def test_nobody_else_sees_or_changes_them(role: Role) -> None:
    user = make_user("zz", role, sites=(SiteFactory(),))
    browser, api = Client(), APIClient()
    browser.post("/login/", {"username": "zz", "password": "zz"})
    api.force_authenticate(user)
    assert browser.get("/role-mappings/").status_code == 403 == browser.post("/role-mappings/", ROW).status_code
    assert api.get("/api/role-mappings/").status_code == 403
    assert api.post("/api/role-mappings/", {"value": "zz", "role": "lead"}).status_code == 403
    assert not RoleMapping.objects.exists()


def test_programs_keep_them_too() -> None:
    api, site = APIClient(), SiteFactory()
    api.force_authenticate(make_user("ada", Role.ADMINISTRATOR))
    made = api.post("/api/role-mappings/", {"value": " CN=rad ", "role": "resident", "site": site.pk})
    assert made.status_code == 201 and made.json()["value"] == "CN=rad"
    assert [row["site"] for row in api.get("/api/role-mappings/").json()["results"]] == [site.pk]
    for wrong in ({"role": "king"}, {"provider": "nowhere"}, {"value": "  "}, {"site": 999}):
        refused = api.post("/api/role-mappings/", {"value": "zz", "role": "lead"} | wrong)
        assert refused.status_code in (400, 404), wrong
    assert api.delete(f"/api/role-mappings/{made.json()['id']}/").status_code == 204
    assert not RoleMapping.objects.exists()
