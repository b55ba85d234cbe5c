"""What no database holds or Python cannot walk is refused where a request is read, with the name of the field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from ris.people.models import User
from ris.people.roles import Role
from tests.factories import PatientFactory, SiteFactory, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> User:
    return make_user("lee", Role.LEAD, sites=(SiteFactory(),))


def post(user: User, where: str, body: str) -> Any:
    client = Client()
    client.force_login(user)
    return client.post(where, body, content_type="application/json")


@pytest.mark.parametrize("opened,closed", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("levels", [100, 900, 100_000])
def test_a_body_that_is_nested_too_deeply_is_refused(lead: User, opened: str, closed: str, levels: int) -> None:
    deep = opened * levels + "1" + closed * levels
    for where, body in (("/api/rules/check/", f'{{"rules": {deep}}}'), ("/api/worklist/hand-over/", deep)):
        answer = post(lead, where, body)
        assert answer.status_code == 400, answer.content[:200]
        assert "nested deeper than 64 levels" in answer.json()["detail"]


def test_yaml_that_is_nested_too_deeply_is_refused(lead: User) -> None:
    answer = post(lead, "/api/rules/check/", json.dumps({"yaml": "[" * 100_000}))
    assert answer.status_code == 400 and answer.json()["at"] in ("yaml", "line 1")


@pytest.mark.parametrize("value", ["a\x00b", "half \ud800 pair", 10**30, 1e999])
def test_a_value_that_no_database_holds_is_refused_by_the_name_of_its_field(lead: User, value: Any) -> None:
    rule = {"name": "Head", "when": {"region": "HEAD"}, "then": {"points": 1}, "from": value}
    body = json.dumps({"rules": [rule]}).replace("Infinity", "1e999")
    answer = post(lead, "/api/rules/", body)
    assert answer.status_code == 400 and answer.json()["at"] == "rules[0].from", answer.json()


def test_a_nul_in_an_address_or_a_form_is_refused_by_the_name_of_its_field(lead: User) -> None:
    client = Client()
    client.force_login(lead)
    for answer in (client.get("/orders/", {"state": "a\x00"}), client.post("/orders/", {"text": "a\x00"})):
        assert answer.status_code == 400 and "NUL characters are not allowed" in answer.content.decode()
    answer = client.get("/api/orders/", {"accession": "a\x00"})
    assert answer.status_code == 400 and answer.json()["at"] == "accession"


@pytest.mark.parametrize("pk", ["²", "a", "-1", "1.5", "9" * 30, "%00"])
def test_an_address_without_an_id_is_no_address(lead: User, pk: str) -> None:
    client = Client()
    client.force_login(lead)
    for where in (f"/api/orders/{pk}/", f"/api/hl7/inbound/{pk}/", f"/orders/{pk}/", f"/api/worklist/{pk}/explain/"):
        assert client.get(where).status_code == 404, where


@pytest.mark.parametrize("born", ["0001-01-01", "9999-12-31"])
def test_a_date_in_an_impossible_year_is_refused_by_the_name_of_its_field(born: str) -> None:
    site = SiteFactory()
    scheduler = make_user("sam", Role.SCHEDULER, sites=(site,))
    person = {"identifiers": [{"value": "T1", "authority": "NORTH"}], "family_name": "ZZTEST", "birth_date": born}
    answer = post(scheduler, "/api/patients/", json.dumps(person))
    assert answer.status_code == 400 and answer.json()["at"] == "birth_date", answer.json()
    order = {"site": site.pk, "patient": PatientFactory().pk,
             "procedures": [{"code": "CTHEADWO", "steps": [{"start": f"{born}T12:00:00Z"}]}]}  # fmt: skip
    answer = post(scheduler, "/api/orders/", json.dumps(order))
    assert answer.status_code == 400 and answer.json()["at"] == "procedures[0].steps[0].start", answer.json()
