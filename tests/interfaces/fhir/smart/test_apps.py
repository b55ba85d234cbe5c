"""Apps on screen and over REST: who sets up registers them; a secret is shown once; a change ends what was let in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from interfaces.fhir.models import App
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.interfaces.fhir.asking import Asking

from .letting_in import BACK, asking, browser_of, let_in, make_app, take_token

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Viewer", "owner": "ZZTEST clinic", "kind": "confidential", "scopes": "launch patient/*.rs user/Patient.rs",
    "redirect_uris": BACK, "launch_url": "https://app.example/launch", "is_active": "1",
}  # fmt: skip


@pytest.fixture
def admin() -> User:
    return make_user("admin", Role.ADMINISTRATOR, sites=(SiteFactory(),))


def recent(user: User) -> Client:
    """A browser whose person has just shown who they are."""
    client = Client()
    client.post("/login/", {"login": user.username, "password": user.username})
    return client


def test_who_sets_up_registers_an_app_and_sees_its_secret_once(admin: User) -> None:
    browser = recent(admin)
    shown = browser.post("/smart/apps", FORM).content.decode()
    secret = re.search(r'id="secret">([^<]+)<', shown)
    app = App.objects.select_related("client").get()
    assert secret and app.client.check_secret(secret[1])
    assert secret[1] not in browser.get(f"/smart/apps/{app.pk}/").content.decode()
    listed = browser.get("/smart/apps").content.decode()
    assert "patient/*.rs" in listed and "ZZTEST clinic" in listed
    renewed = browser.post(f"/smart/apps/{app.pk}/secret/").content.decode()
    assert 'id="secret"' in renewed
    app.client.refresh_from_db()
    assert not app.client.check_secret(secret[1])
    refused = browser.post("/smart/apps", FORM | {"redirect_uris": "http://app.example/"})
    assert refused.status_code == 400 and "Nothing was saved" in refused.content.decode()


def test_a_change_and_a_revocation_end_what_people_let_in(admin: User) -> None:
    app, _ = make_app()
    desk = make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),))
    browser = recent(admin)
    for where, form in ((f"/smart/apps/{app.pk}/revoke/", {}), (f"/smart/apps/{app.pk}/", FORM | {"kind": "public"})):
        client = asking(take_token(app, let_in(app, desk, "user/Patient.rs"))["access_token"])
        assert client.get("/fhir/R4/Patient").status_code == 200
        app.refresh_from_db()
        assert app.last_used_at is not None
        assert browser.post(where, form).status_code == 302
        assert client.get("/fhir/R4/Patient").status_code == 401


def test_nobody_else_sees_or_registers_apps() -> None:
    reader = make_user("reader", Role.RADIOLOGIST, sites=(SiteFactory(),))
    assert browser_of(reader).get("/smart/apps").status_code == 403
    assert browser_of(reader).post("/smart/apps", FORM).status_code == 403
    assert Asking(reader).client.get("/api/fhir-apps/", headers={"Accept": "*/*"}).status_code == 403
    assert not App.objects.exists()


def test_apps_over_rest(admin: User) -> None:
    client = Asking(admin).client
    said: dict[str, Any] = FORM | {"scopes": FORM["scopes"].split(), "redirect_uris": [BACK], "is_active": True}
    made = client.post("/api/fhir-apps/", said, content_type="application/json", headers={"Accept": "*/*"})
    assert made.status_code == 201, made.content
    told = made.json()
    assert told["client_secret"] and told["redirect_uris"] == [BACK]
    where = f"/api/fhir-apps/{told['client_id']}/"
    read = client.get(where, headers={"Accept": "*/*"}).json()
    assert "client_secret" not in read and read["scopes"] == said["scopes"]
    off = client.put(where, said | {"is_active": False}, content_type="application/json", headers={"Accept": "*/*"})
    assert off.status_code == 200 and off.json()["is_active"] is False
    assert client.post(f"{where}revoke/", headers={"Accept": "*/*"}).status_code == 204


def test_what_is_served_is_said_once_and_the_same_everywhere() -> None:
    said = Client().get("/fhir/R4/.well-known/smart-configuration").json()
    assert said["code_challenge_methods_supported"] == ["S256"] and "launch-ehr" in said["capabilities"]
    security = Client().get("/fhir/R4/metadata").json()["rest"][0]["security"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    uris = {one["url"]: one["valueUri"] for one in security["extension"][0]["extension"]}
    assert uris["token"] == said["token_endpoint"] and uris["authorize"] == said["authorization_endpoint"]
    for name in ("token", "introspection", "revocation"):
        assert Client().get("/" + said[f"{name}_endpoint"].split("/", 3)[3]).status_code == 405, name
