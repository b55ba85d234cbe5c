"""Orders over REST: the same services, the same permissions, problems that name the field."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.orders import states
from ris.people.roles import Role
from tests.factories import DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


def client_of(role: Role, *sites: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user(role.name.lower(), role, sites=sites))
    return client


def order_body(**changes: Any) -> dict[str, Any]:
    site = SiteFactory()
    ProcedureFactory()
    DeviceFactory(site=site)
    body = {"site": site.pk, "patient": PatientFactory().pk, "procedures": [{"code": "CTHEADWO"}]}
    return body | changes


def test_a_scheduler_places_an_order() -> None:
    body = order_body(priority="STAT", reason="fall")
    answer = client_of(Role.SCHEDULER, SiteFactory()).post("/api/orders/", body, format="json")
    assert answer.status_code == 201, answer.data
    assert (answer.data["priority"], answer.data["state"]) == ("STAT", states.ACTIVE)
    assert answer.data["procedures"][0]["steps"][0]["station_aes"] == ["CT1"]


def test_a_radiologist_may_look_but_not_place() -> None:
    order = make_order()
    client = client_of(Role.RADIOLOGIST, order.site)
    assert client.get(f"/api/orders/{order.pk}/").status_code == 200
    assert client.post("/api/orders/", order_body(), format="json").status_code == 403


def test_a_foreign_site_looks_as_if_it_were_not_there() -> None:
    order = make_order()
    client = client_of(Role.SCHEDULER, SiteFactory(code="south"))
    assert client.get(f"/api/orders/{order.pk}/").status_code == 404
    assert client.get("/api/orders/").data["results"] == []
    assert client.post(f"/api/orders/{order.pk}/cancel/", {"reason": "x"}, format="json").status_code == 404
    assert client.post("/api/orders/", order_body(), format="json").status_code == 404


def test_a_refusal_is_problem_details_that_name_the_field() -> None:
    answer = client_of(Role.SCHEDULER, SiteFactory()).post("/api/orders/", order_body(procedures=[]), format="json")
    assert answer.status_code == 400
    assert answer["content-type"] == "application/problem+json"
    assert answer.data["at"] == "procedures"


def test_an_order_is_cancelled_with_a_reason_and_not_twice() -> None:
    order = make_order()
    client = client_of(Role.SCHEDULER, order.site)
    url = f"/api/orders/{order.pk}/cancel/"
    assert client.post(url, {}, format="json").status_code == 400
    assert client.post(url, {"reason": "entered twice"}, format="json").data["state"] == states.CANCELLED
    assert client.post(url, {"reason": "again"}, format="json").status_code == 409


def test_a_technologist_moves_an_exam_by_hand() -> None:
    order = make_order()
    step = order.procedures.get().steps.get()
    client = client_of(Role.TECHNOLOGIST, order.site)
    seen = [client.post(f"/api/steps/{step.pk}/{verb}/").data["state"] for verb in ("arrive", "start", "complete")]
    assert seen == [states.ARRIVED, states.STARTED, states.COMPLETED]


def test_seeing_an_order_is_audited_with_who_and_from_where() -> None:
    order = make_order()
    client_of(Role.SCHEDULER, order.site).get(f"/api/orders/{order.pk}/", REMOTE_ADDR="192.0.2.7")
    seen = AuditEvent.objects.get(action="order.view")
    assert (seen.actor, seen.source, seen.patient_id) == ("scheduler", "192.0.2.7", order.patient_id)


def test_patients_are_registered_and_searched_without_their_names_in_a_url() -> None:
    client = client_of(Role.SCHEDULER, SiteFactory())
    person = {
        "identifiers": [{"value": "T5", "authority": "NORTH"}],
        "family_name": "ZZTEST",
        "given_name": "Dora",
        "birth_date": "1980-02-03",
        "sex": "F",
    }
    made = client.post("/api/patients/", person, format="json")
    assert made.status_code == 201, made.data
    found = client.post("/api/patients/search/", {"text": "zztest do"}, format="json")
    assert [p["id"] for p in found.data] == [made.data["id"]]
    assert client.get(f"/api/patients/{made.data['id']}/").data["family_name"] == "ZZTEST"
    assert client.post("/api/patients/search/", {"text": "z"}, format="json").status_code == 400
