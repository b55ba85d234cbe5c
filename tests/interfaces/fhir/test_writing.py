"""What a client writes, and what the house then knows: the row at the other end, not the answer alone."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections

from ris.orders.models import Order, ScheduledStep
from ris.patients.models import Identifier, Patient
from ris.people.roles import Role
from tests.factories import DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_user
from tests.interfaces.fhir.asking import Asking, Json, issues

pytestmark = pytest.mark.django_db
EMR = "urn:x-wetread:authority:EMR"


@pytest.fixture
def emr() -> Asking:
    ProcedureFactory()
    site = SiteFactory()
    DeviceFactory(site=site)
    return Asking(make_user("emr", Role.SCHEDULER, sites=(site,)))


def request_of(subject: Json, **more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "identifier": [{"type": {"coding": [{"code": "PLAC"}]}, "system": EMR, "value": "P1"}],
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "70450"}], "text": "CT head"},
        "subject": subject,
        "occurrenceDateTime": "2030-03-10T14:30:00+01:00",
        "requester": {
            "display": "Rita Zzdoc",
            "identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "77"},
        },
        "reasonCode": [{"text": "Headache"}],
        "note": [{"text": "Wheelchair"}],
    } | more


def test_an_order_that_is_placed_is_on_the_worklist_with_all_that_was_said(emr: Asking) -> None:
    patient = PatientFactory()
    answer = emr.send("post", "ServiceRequest", request_of({"reference": f"Patient/{patient.pk}"}))
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert answer["Location"] == f"http://testserver/fhir/R4/ServiceRequest/{told['id']}"
    assert answer["ETag"] == f'W/"{told["meta"]["versionId"]}"'
    order = Order.objects.get()
    assert (order.patient_id, order.placer_number, order.placer_authority) == (patient.pk, "P1", "EMR")
    assert (order.priority, order.reason, order.comments) == ("STAT", "Headache", "Wheelchair")
    assert (order.ordering_provider, order.ordering_provider_id) == ("Zzdoc^Rita", "77")
    step = ScheduledStep.objects.get()
    assert step.start.isoformat() == "2030-03-10T13:30:00+00:00"
    assert (step.device and step.device.ae_title, step.state, step.procedure.procedure_id) == (
        "CT1",
        "scheduled",
        ProcedureFactory().pk,
    )
    assert emr.read(f"ServiceRequest/{told['id']}") == told


def test_the_same_number_again_is_refused_and_with_a_condition_found(emr: Asking) -> None:
    wanted = request_of({"reference": f"Patient/{PatientFactory().pk}"})
    first = emr.send("post", "ServiceRequest", wanted).json()
    again = emr.send("post", "ServiceRequest", wanted)
    assert (again.status_code, issues(again)) == (409, [("duplicate", ["ServiceRequest.identifier"])])
    found = emr.send("post", "ServiceRequest", wanted, If_None_Exist=f"identifier={EMR}|P1")
    assert (found.status_code, found.json()["id"]) == (200, first["id"])
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_who_create_the_same_order_at_once_both_get_one(emr: Asking) -> None:
    wanted, barrier, answers = request_of({"reference": f"Patient/{PatientFactory().pk}"}), Barrier(2), []

    def create() -> None:
        try:
            barrier.wait(10)
            answers.append(emr.send("post", "ServiceRequest", wanted, If_None_Exist=f"identifier={EMR}|P1"))
        finally:
            connections.close_all()

    threads = [Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize(
    "change,code,at",
    [
        ({"status": "draft"}, "invalid", "ServiceRequest.status"),
        ({"intent": "plan"}, "invalid", "ServiceRequest.intent"),
        ({"code": None}, "invalid", "ServiceRequest.code"),
        ({"code": {"text": "CT"}}, "invalid", "ServiceRequest.code"),
        ({"priority": "now"}, "invalid", "ServiceRequest.priority"),
        ({"subject": None}, "invalid", "ServiceRequest.subject"),
        ({"subject": {"reference": "Patient/7777777"}}, "not-found", "ServiceRequest.subject"),
        ({"subject": {"reference": "Group/1"}}, "invalid", "ServiceRequest.subject.reference"),
        ({"subject": {"identifier": {"system": EMR, "value": "none"}}}, "not-found", "ServiceRequest.subject"),
        ({"occurrenceDateTime": "2030-03-10T14:30:00"}, "invalid", "ServiceRequest.occurrenceDateTime"),
        ({"performer": [{"reference": "Organization/7777777"}]}, "not-found", "ServiceRequest"),
        ({"note": "text"}, "invalid", "ServiceRequest.note"),
        ({"note": [{"text": "\x00"}]}, "invalid", "ServiceRequest.note[0].text"),
        ({"resourceType": "Patient"}, "invalid", "ServiceRequest.resourceType"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_placed(emr: Asking, change: Json, code: str, at: str) -> None:
    wanted = request_of({"reference": f"Patient/{PatientFactory().pk}"}) | change
    answer = emr.send("post", "ServiceRequest", {name: value for name, value in wanted.items() if value is not None})
    assert issues(answer) == [(code, [at])]
    assert not Order.objects.exists()


def test_a_body_that_is_no_fhir_is_refused(emr: Asking) -> None:
    assert issues(emr.send("post", "ServiceRequest", "{")) == [("invalid", ["body"])]
    form = emr.client.post("/fhir/R4/ServiceRequest", {"a": 1})
    assert (form.status_code, issues(form)) == (415, [("not-supported", [])])


def test_who_may_not_order_orders_nothing() -> None:
    asking = Asking(make_user("tech", Role.TECHNOLOGIST, sites=(SiteFactory(),)))
    answer = asking.send("post", "ServiceRequest", request_of({"reference": f"Patient/{PatientFactory().pk}"}))
    assert answer.status_code == 403
    assert not Order.objects.exists()


def bundle(*resources: Json) -> Json:
    entries = [
        {"fullUrl": f"urn:uuid:{n}", "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
        for n, one in enumerate(resources)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


NEWCOMER: Json = {
    "resourceType": "Patient",
    "identifier": [{"system": EMR, "value": "M1"}],
    "gender": "male",
    "birthDate": "1950-02-03",
    "name": [{"use": "official", "family": "ZZTEST", "given": ["Omar", "B"]}],
}


def test_a_transaction_registers_a_patient_and_places_the_order(emr: Asking) -> None:
    answer = emr.send("post", "", bundle(request_of({"reference": "urn:uuid:1"}), NEWCOMER))
    assert answer.status_code == 200, answer.content
    placed, registered = answer.json()["entry"]
    assert placed["response"]["status"] == registered["response"]["status"] == "201 Created"
    patient = Order.objects.get().patient
    assert registered["response"]["location"].endswith(f"/Patient/{patient.pk}")
    assert (patient.family_name, patient.given_name, patient.middle_name, patient.sex) == ("ZZTEST", "Omar", "B", "M")
    assert patient.identifiers.get().value == "M1"
    again = emr.send("post", "", bundle(NEWCOMER)).json()["entry"][0]["response"]
    assert again == {"status": "200 OK", "location": registered["response"]["location"]}


def test_a_transaction_that_fails_leaves_nothing(emr: Asking) -> None:
    answer = emr.send("post", "", bundle(NEWCOMER, request_of({"reference": "urn:uuid:0"}, priority="now")))
    assert issues(answer) == [("invalid", ["Bundle.entry[1].resource.priority"])]
    assert not Identifier.objects.filter(value="M1").exists()
    assert not Patient.objects.exists()
