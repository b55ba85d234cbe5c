"""Search as R4 has it, whatever the type: modifiers, prefixes, pages, what is unknown."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ris.people.roles import Role
from tests.factories import PatientFactory, SiteFactory, make_order, make_user
from tests.interfaces.fhir.asking import BASE, Asking, Json, issues

pytestmark = pytest.mark.django_db


@pytest.fixture
def asking() -> Asking:
    return Asking(make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),)))


def link(bundle: Json, relation: str) -> str:
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), "")


def test_names_are_found_by_their_beginning_without_case_and_accents(asking: Asking) -> None:
    muller = PatientFactory(family_name="ZZMüller", given_name="Änne", search_name="ZZMULLER^ANNE")
    other = PatientFactory(family_name="ZZMULLERSON", given_name="Bo", search_name="ZZMULLERSON^BO")
    assert set(asking.ids("Patient?family=zzmuller")) == {muller.pk, other.pk}
    assert asking.ids("Patient?family:exact=ZZMüller") == [muller.pk]
    assert asking.ids("Patient?family:exact=zzmüller") == []
    assert asking.ids("Patient?given=ann") == [muller.pk]
    assert asking.ids("Patient?name=anne") == [muller.pk]
    assert asking.ids("Patient?family:contains=llers") == [other.pk]
    assert asking.ids("Patient?name=anne&family=zzmullerson") == []


def test_commas_are_or_and_repeats_are_and(asking: Asking) -> None:
    a, b, c = (PatientFactory(sex=sex) for sex in "FMO")
    assert set(asking.ids("Patient?gender=female,male")) == {a.pk, b.pk}
    assert asking.ids("Patient?gender=female,male&gender=male") == [b.pk]
    assert set(asking.ids("Patient?gender:not=female")) == {b.pk, c.pk}
    assert issues(asking.read("Patient?gender=F", 400)) == [("invalid", ["gender"])]


@pytest.mark.parametrize(
    "value,days",
    [("2000-03-10", [10]), ("eq2000-03-10", [10]), ("2000-03", [9, 10, 11]), ("2000", [9, 10, 11]),
     ("ne2000-03-10", [9, 11]), ("gt2000-03-10", [11]), ("sa2000-03-10", [11]), ("ge2000-03-10", [10, 11]),
     ("lt2000-03-10", [9]),
     ("eb2000-03-10", [9]), ("le2000-03-10", [9, 10]), ("gt2000-03", []), ("2000-03-09,2000-03-11", [9, 11])],
)  # fmt: skip
def test_a_date_has_a_precision_and_a_prefix(asking: Asking, value: str, days: list[int]) -> None:
    born = {PatientFactory(birth_date=date(2000, 3, day)).pk: day for day in (9, 10, 11)}
    unknown = PatientFactory(birth_date=None)
    assert sorted(born[pk] for pk in asking.ids(f"Patient?birthdate={value}")) == days
    assert asking.ids("Patient?birthdate:missing=true") == [unknown.pk]
    assert unknown.pk not in asking.ids("Patient?birthdate:missing=false")


@pytest.mark.parametrize("value", ["2000-13", "yesterday", "2000-02-30", "ap2000", "0000", "2000-03-10T25:00Z"])
def test_a_date_that_is_none_is_refused_by_its_name(asking: Asking, value: str) -> None:
    assert issues(asking.read(f"Patient?birthdate={value}", 400)) == [("invalid", ["birthdate"])]


def test_what_is_unknown_is_refused_or_ignored_as_the_client_prefers(asking: Asking) -> None:
    patient = PatientFactory()
    for name in ("shoe-size", "birthdate:exact", "_sort=shoe&x", "name.family"):
        where = f"Patient?_id={patient.pk}&{name}=2000"
        assert issues(asking.read(where, 400, Prefer="handling=strict"))[0][0] == "invalid"
        bundle = asking.read(where, Prefer="handling=lenient, return=minimal")
        assert parse_qs(urlsplit(link(bundle, "self")).query) == {"_id": [str(patient.pk)]}
        assert [entry["search"]["mode"] for entry in bundle["entry"]][0::1][0] == "match"
        assert issues(bundle["entry"][-1]["resource"])[0][0] == "not-supported"


def test_pages_follow_each_other_by_key_and_show_each_row_once(asking: Asking) -> None:
    made = [PatientFactory(birth_date=date(1990, 1, 1) + timedelta(days=n // 2)).pk for n in range(7)]
    seen, where = [], "Patient?_count=3"
    while where:
        bundle = asking.read(where)
        seen += [int(entry["resource"]["id"]) for entry in bundle["entry"]]
        made += [PatientFactory().pk] if len(made) == 7 else []  # one that comes meanwhile shifts no page
        where = link(bundle, "next").partition(f"{BASE}/")[2]
    assert seen == sorted(made[:7], reverse=True)
    assert "total" not in bundle


def test_a_page_that_is_not_ours_is_refused(asking: Asking) -> None:
    assert issues(asking.read("Patient?_page=eyJh", 400)) == [("invalid", ["_page"])]


def test_totals_are_counted_when_asked_for(asking: Asking) -> None:
    for _ in range(3):
        PatientFactory()
    foreign = make_order(site=SiteFactory(code="south")).patient
    assert foreign.pk not in asking.ids("Patient")
    assert asking.read("Patient?_total=accurate&_count=1")["total"] == 3
    for where in ("Patient?_summary=count", "Patient?_count=0"):
        bundle = asking.read(where)
        assert (bundle["total"], bundle.get("entry")) == (3, None)


def test_a_page_holds_two_hundred_at_most(asking: Asking) -> None:
    PatientFactory()
    assert len(asking.found("Patient?_count=100000")) == 1
    assert issues(asking.read("Patient?_count=-1", 400)) == [("invalid", ["_count"])]


def test_elements_cut_the_resource_down_and_tag_it(asking: Asking) -> None:
    PatientFactory()
    (patient,) = asking.found("Patient?_elements=birthDate")
    assert set(patient) == {"resourceType", "id", "meta", "active", "birthDate"}
    assert patient["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_a_form_finds_what_an_address_finds(asking: Asking) -> None:
    patient = PatientFactory(family_name="ZZFORM", search_name="ZZFORM")
    PatientFactory()
    answer = asking.client.post(f"{BASE}/Patient/_search", {"family": "ZZFORM", "_count": "10"})
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == [str(patient.pk)]


def test_a_page_costs_the_same_number_of_queries_however_long_it_is(asking: Asking) -> None:
    def cost(number: int) -> int:
        for _ in range(number):
            PatientFactory()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            asking.read("Patient?_count=200")
        return len(queries)

    asking.read("Patient")
    assert cost(5) == cost(45)
