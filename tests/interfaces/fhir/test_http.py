"""What HTTP says around FHIR: log-in, formats, methods, addresses, versions."""

from __future__ import annotations

import pytest
from django.test import Client

from ris.audit.models import AuditEvent
from ris.people.roles import Role
from tests.factories import PatientFactory, SiteFactory, make_user
from tests.interfaces.fhir.asking import BASE, Asking, issues

pytestmark = pytest.mark.django_db


@pytest.fixture
def asking() -> Asking:
    return Asking(make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),)))


def test_who_brings_no_token_is_told_to_bring_one() -> None:
    for client in (Client(), Client(headers={"Authorization": "Bearer wet_nothing"})):
        answer = client.get(f"{BASE}/Patient")
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert issues(answer) == [("login", [])]


def test_a_browser_that_is_logged_in_reads_but_does_not_write() -> None:
    user = make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),))
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get(f"{BASE}/Patient").status_code == 200
    assert client.post(f"{BASE}/Patient/_search", {"name": "ZZ"}).status_code == 401


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/json;q=0.9", "text/xml, */*;q=0.1", ""])
def test_json_is_given_to_all_who_take_it(asking: Asking, accept: str) -> None:
    assert asking.get("Patient", Accept=accept)["Content-Type"] == "application/fhir+json; charset=utf-8"


@pytest.mark.parametrize("where", ["Patient?_format=json", "Patient?_format=application/fhir%2Bjson",
                                   "Patient?_format=application/fhir+json"])  # fmt: skip
def test_format_comes_before_accept(asking: Asking, where: str) -> None:
    assert asking.get(where, Accept="application/fhir+xml").status_code == 200


@pytest.mark.parametrize("where,accept", [("Patient", "application/fhir+xml"), ("Patient?_format=xml", "*/*")])
def test_xml_is_not_there_and_is_said_so_in_json(asking: Asking, where: str, accept: str) -> None:
    answer = asking.get(where, Accept=accept)
    assert answer.status_code == 406
    assert issues(answer) == [("not-supported", ["_format"])]


def test_an_unknown_method_names_those_that_are_there(asking: Asking) -> None:
    answer = asking.client.delete(f"{BASE}/Patient/1")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert issues(answer) == [("not-supported", [])]


@pytest.mark.parametrize("where", ["Patient/7777777", "Patient/no-number", "Patient/99999999999999999999", "Nothing/1"])
def test_what_is_not_there_is_an_outcome_too(asking: Asking, where: str) -> None:
    assert issues(asking.read(where, 404))[0][0] == "not-found"


@pytest.mark.parametrize("base", [BASE, f"{BASE}/"])
def test_a_transaction_is_posted_to_the_base_and_nothing_is_read_there(asking: Asking, base: str) -> None:
    answer = asking.client.get(base)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert issues(answer) == [("not-supported", [])]


def test_a_trailing_slash_does_not_matter(asking: Asking) -> None:
    patient = PatientFactory()
    assert asking.read(f"Patient/{patient.pk}/")["id"] == str(patient.pk)
    assert asking.ids(f"Patient/?_id={patient.pk}") == [patient.pk]
    form = asking.client.post(f"{BASE}/Patient/_search/", {"_id": patient.pk})
    assert [entry["resource"]["id"] for entry in form.json()["entry"]] == [str(patient.pk)]


def test_a_version_that_the_client_has_is_not_sent_again(asking: Asking) -> None:
    patient = PatientFactory()
    first = asking.get(f"Patient/{patient.pk}")
    version = first.json()["meta"]["versionId"]
    assert first["ETag"] == f'W/"{version}"'
    assert asking.get(f"Patient/{patient.pk}", If_None_Match=first["ETag"]).status_code == 304
    patient.phone = "555 0100"
    patient.save()
    changed = asking.get(f"Patient/{patient.pk}", If_None_Match=first["ETag"])
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_what_is_read_and_searched_is_audited_without_the_values(asking: Asking) -> None:
    patient = PatientFactory(family_name="ZZCANARY")
    asking.read(f"Patient/{patient.pk}")
    asking.found("Patient?family=ZZCANARY")
    read, searched = AuditEvent.objects.filter(action__startswith="fhir.").order_by("pk")
    assert (read.actor, read.subject, read.subject_id, read.patient_id) == (
        "desk",
        "Patient",
        str(patient.pk),
        patient.pk,
    )
    assert searched.detail == {"resource": "Patient", "parameters": ["family"], "rows": 1}
    assert searched.patient_id == patient.pk


def test_an_analyst_who_may_see_no_orders_is_told_so() -> None:
    asking = Asking(make_user("referrer", Role.REFERRER, sites=(SiteFactory(),)))
    assert issues(asking.read("Patient", 403)) == [("forbidden", [])]


def test_the_capability_statement_is_for_everybody_and_names_what_is_searched() -> None:
    answer = Client().get(f"{BASE}/metadata")
    assert answer.status_code == 200
    statement = answer.json()
    assert (statement["fhirVersion"], statement["implementation"]["url"]) == ("4.0.1", "http://testserver/fhir/R4")
    patient = next(one for one in statement["rest"][0]["resource"] if one["type"] == "Patient")
    assert {"_id", "identifier", "family", "birthdate"} <= {one["name"] for one in patient["searchParam"]}
