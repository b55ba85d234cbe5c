"""A FHIR client of other people's making (fhir-py) against the running product."""

from __future__ import annotations

from typing import Any

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

from tests.serving import Served

EMR = "urn:x-wetread:authority:EMR"


def order(client: SyncFHIRClient, number: int) -> Any:
    """A patient and an order for them, by one transaction each."""
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": EMR, "value": f"M{number}"}],
        "name": [{"family": "ZZCANARY", "given": [f"Alpha{number}"]}],
    }
    request = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "identifier": [{"type": {"coding": [{"code": "PLAC"}]}, "system": EMR, "value": f"P{number}"}],
        "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "70450"}]},
        "subject": {"reference": "urn:uuid:1"},
        "performer": [{"reference": "Organization/1"}],
    }
    entries = [
        {"fullUrl": f"urn:uuid:{n}", "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
        for n, one in enumerate((request, patient))
    ]
    return client.execute("", method="POST", data={"resourceType": "Bundle", "type": "transaction", "entry": entries})


def test_fhirpy_orders_reads_searches_and_follows_pages(serve: Served) -> None:
    client = SyncFHIRClient(f"{serve.url}/fhir/R4", authorization=f"Bearer {serve.token('scheduler')}")
    for number in range(7):
        assert order(client, number)["entry"][0]["response"]["status"] == "201 Created"
    requests = list(client.resources("ServiceRequest").include("ServiceRequest", "patient").limit(3))
    assert len({request["id"] for request in requests}) == client.resources("ServiceRequest").count() == 7
    patient = requests[0]["subject"].to_resource()
    assert patient["name"][0]["family"] == "ZZCANARY"
    number = patient["identifier"][0]
    (again,) = client.resources("Patient").search(identifier=f"{number['system']}|{number['value']}").fetch_all()
    assert again["id"] == patient["id"]
    theirs = client.resources("ServiceRequest").search(patient=patient.to_reference()).fetch_all()
    assert [request["id"] for request in theirs] == [requests[0]["id"]]
    with pytest.raises(ResourceNotFound):
        client.reference("Patient", "7777777").to_resource()
    with pytest.raises(OperationOutcome) as refused:
        client.resources("Patient").search(birthdate="yesterday").fetch()
    assert refused.value.resource["issue"][0]["expression"] == ["birthdate"]
    client.resources("Patient").search(family="ZZCANARY").fetch()
    assert "ZZCANARY" not in serve.log(), "what was sought is in no log"
