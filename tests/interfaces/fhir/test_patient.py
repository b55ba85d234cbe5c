"""Patient: what is said of a person, and who is found after a merge."""

from __future__ import annotations

import pytest

from ris.patients.models import AssigningAuthority, Identifier, Patient
from ris.patients.services import merge_patients
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user
from tests.interfaces.fhir.asking import Asking

pytestmark = pytest.mark.django_db


@pytest.fixture
def asking() -> Asking:
    return Asking(make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),)))


def test_a_person_is_told_whole(asking: Asking) -> None:
    patient = PatientFactory(
        family_name="ZZTEST", given_name="Alpha", middle_name="Beta", prefix="Dr", phone="555 0100",
        address="1 Test Street", ideographic_name="試^験", number="T1",
    )  # fmt: skip
    told = asking.read(f"Patient/{patient.pk}")
    assert told["name"][0] == {
        "use": "official", "text": "ZZTEST, Alpha Beta", "family": "ZZTEST", "given": ["Alpha", "Beta"],
        "prefix": ["Dr"],
    }  # fmt: skip
    assert told["name"][1]["text"] == "試 験"
    assert (told["gender"], told["birthDate"], told["active"]) == ("female", "1945-07-14", True)
    assert told["identifier"][0]["system"] == "urn:x-wetread:authority:NORTH"
    assert told["identifier"][0]["value"] == "T1"
    assert told["telecom"] == [{"system": "phone", "value": "555 0100"}]


def test_a_person_of_whom_nothing_is_known_has_no_empty_elements(asking: Asking) -> None:
    patient = PatientFactory(family_name="", given_name="", birth_date=None, sex="")
    told = asking.read(f"Patient/{patient.pk}")
    assert told["gender"] == "unknown"
    assert not {"name", "birthDate", "telecom", "address", "link"} & set(told)


@pytest.mark.parametrize(
    "value", ["T1", "NORTH|T1", "urn:x-wetread:authority:NORTH|T1", "urn:oid:2.25.1|T1", "SOUTH|X,NORTH|T1"]
)
def test_a_number_finds_its_patient_by_every_name_of_its_authority(asking: Asking, value: str) -> None:
    AssigningAuthority.objects.create(name="NORTH", universal_id="2.25.1", universal_id_type="ISO")
    patient = PatientFactory(number="T1")
    PatientFactory(number="T2")
    (told,) = asking.found(f"Patient?identifier={value}")
    assert told["id"] == str(patient.pk)
    assert told["identifier"][0]["system"] == "urn:oid:2.25.1"


def test_an_authority_alone_finds_all_of_its_patients_and_no_others(asking: Asking) -> None:
    north, south = PatientFactory(), PatientFactory()
    Identifier.objects.filter(patient=south).update(authority="SOUTH")
    assert asking.ids("Patient?identifier=NORTH|") == [north.pk]
    assert asking.ids("Patient?identifier=SOUTH|nobody") == []


@pytest.fixture
def merged() -> tuple[Patient, Patient]:
    keep, old = PatientFactory(number="KEEP"), PatientFactory(number="OLD")
    merge_patients(keep.pk, old.pk, actor=TESTER, at=NOON)
    return keep, old


def test_a_merged_patient_points_to_the_survivor(asking: Asking, merged: tuple[Patient, Patient]) -> None:
    keep, old = merged
    told = asking.read(f"Patient/{old.pk}")
    assert told["active"] is False
    assert told["link"] == [{"other": {"reference": f"Patient/{keep.pk}"}, "type": "replaced-by"}]
    assert asking.read(f"Patient/{keep.pk}")["link"] == [
        {"other": {"reference": f"Patient/{old.pk}"}, "type": "replaces"}
    ]


def test_the_old_number_finds_the_survivor(asking: Asking, merged: tuple[Patient, Patient]) -> None:
    keep, _ = merged
    for number in ("OLD", "KEEP"):
        assert asking.ids(f"Patient?identifier=NORTH|{number}") == [keep.pk]


def test_a_patient_of_a_foreign_site_does_not_exist(asking: Asking) -> None:
    foreign = make_order(site=SiteFactory(code="south")).patient
    asking.read(f"Patient/{foreign.pk}", 404)
    number = foreign.identifiers.get().value
    assert asking.ids(f"Patient?identifier=NORTH|{number}") == []


def test_what_changed_since_is_found(asking: Asking, merged: tuple[Patient, Patient]) -> None:
    keep, _ = merged
    changed = asking.read(f"Patient/{keep.pk}")["meta"]["lastUpdated"]
    assert asking.ids(f"Patient?_lastUpdated=ge{changed[:19]}Z") == [keep.pk]
    assert asking.ids("Patient?_lastUpdated=gt2900") == []
    assert asking.ids("Patient?_lastUpdated=lt2900") == [keep.pk]
