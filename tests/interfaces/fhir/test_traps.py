"""Where others tripped: spellings of R4, UIDs as URNs, empty elements, text that is markup, odd clients."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from defusedxml import ElementTree

from interfaces.fhir import api
from ris.orders.models import PerformedStep
from ris.people.models import User
from tests.factories import PatientFactory, SiteFactory, make_order, perform
from tests.interfaces.fhir.asking import BASE, Asking, issues
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db


@pytest.fixture
def asking() -> Asking:
    SiteFactory()
    return Asking(User.objects.create_superuser("root"))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from leaves(inner, f"{path}.{name}")


def test_uids_are_urns_where_r4_says_so_and_bare_where_it_does_not(asking: Asking) -> None:
    procedure = make_order().procedures.get()
    performed = perform(procedure)
    PerformedStep.objects.filter(pk=performed.pk).update(series=[{"uid": "1.2.840.1", "images": 2}])
    told = asking.read(f"ImagingStudy/{procedure.pk}")
    assert told["identifier"][0]["system"] == "urn:dicom:uid"
    assert told["identifier"][0]["value"] == f"urn:oid:{procedure.study_uid}"
    assert told["series"][0]["uid"] == "1.2.840.1"
    for value in (procedure.study_uid, f"urn:oid:{procedure.study_uid}", f"urn:dicom:uid|{procedure.study_uid}"):
        assert asking.ids(f"ImagingStudy?identifier={value}") == [procedure.pk], value


def test_text_that_is_markup_stays_text_and_the_narrative_is_xhtml(asking: Asking) -> None:
    text = "</div><script>alert(1)</script> a < b & c\nnext"
    report = signed(make_reader(), {"findings": text, "impression": "<b>Normal</b>."}).report
    div = asking.read(f"DiagnosticReport/{report.pk}")["text"]["div"]
    tree = ElementTree.fromstring(div)
    assert tree.tag == "{http://www.w3.org/1999/xhtml}div"
    assert {element.tag.partition("}")[2] for element in tree.iter()} == {"div", "h2", "p", "br"}
    assert "</div><script>alert(1)</script> a < b & c" in "".join(tree.itertext())


def test_nothing_is_empty_and_every_time_has_a_zone(asking: Asking) -> None:
    perform(make_order(patient=PatientFactory(birth_date=None, given_name="")).procedures.get())
    signed(make_reader())
    for kind in ("Patient", "ServiceRequest", "ImagingStudy", "DiagnosticReport", "Task", "Appointment", "Provenance"):
        for resource in asking.found(kind):
            for path, value in leaves(resource):
                assert value not in ("", [], {}, None), f"{kind}{path}"
                if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
                    assert value.endswith("Z"), f"{kind}{path}"


def test_a_search_that_finds_nothing_has_no_empty_list(asking: Asking) -> None:
    assert set(asking.read("Patient?_id=7777777")) == {"resourceType", "type", "link"}


def test_many_clients_ask_in_odd_ways(asking: Asking) -> None:
    patient = PatientFactory(number="T1")
    for where in (
        "Patient/?identifier=NORTH%7CT1&_format=json&_count=10", "Patient?identifier=NORTH|T1&_pretty=true",
        "Patient?name=&identifier=T1", f"Patient?_id=0,{patient.pk},x", "Patient?identifier=NORTH|T1&_summary=false",
    ):  # fmt: skip
        assert asking.ids(where) == [patient.pk], where
    assert asking.get(f"Patient/{patient.pk}", Prefer="return=minimal").status_code == 200


def test_a_value_with_a_comma_is_one_value_when_it_is_escaped(asking: Asking) -> None:
    patient = PatientFactory(family_name="ZZA,B", search_name="ZZA,B")
    assert asking.ids(r"Patient?family=zza\,b") == [patient.pk]
    assert asking.ids("Patient?family:exact=ZZA\\,B") == [patient.pk]


@pytest.mark.parametrize("query", ["identifier=a%00b", "name=%00"])
def test_what_no_database_holds_is_refused_as_an_outcome(asking: Asking, query: str) -> None:
    assert issues(asking.get(f"Patient?{query}"))[0][0] == "invalid"


def test_too_many_values_are_refused(asking: Asking) -> None:
    values = ",".join(map(str, range(1, 150)))
    assert issues(asking.read(f"Patient?_id={values}", 400)) == [("invalid", ["_id"])]


def test_a_body_nested_without_end_is_refused(asking: Asking) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    answer = asking.client.post(f"{BASE}/ServiceRequest", deep, content_type="application/fhir+json")
    assert issues(answer) == [("invalid", ["body"])]
    assert json.loads(answer.content)["issue"][0]["severity"] == "error"


def test_a_fault_of_ours_is_an_outcome_without_details(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError("ZZCANARY")

    monkeypatch.setattr(api, "find_row", fail)
    asking.client.raise_request_exception = False
    answer = asking.get("Patient/1")
    assert (answer.status_code, issues(answer)) == (500, [("exception", [])])
    assert b"ZZCANARY" not in answer.content
