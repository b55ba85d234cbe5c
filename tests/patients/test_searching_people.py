"""One box finds a patient by any part of any name, any number, and a birth date in several writings."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ris.kernel.errors import Invalid
from ris.patients.intents import PatientIntent
from ris.patients.models import Merge, Patient
from ris.patients.search import name_tokens, read_search
from ris.patients.selectors import patients_matching
from ris.patients.services import merge_patients, resolve_patient, unmerge_patients
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 10)


def register(number: str, **said: str | date) -> Patient:
    intent = PatientIntent(identifiers=((number, "NORTH", "MR"),), message_at=NOON, **said)
    return resolve_patient(intent, actor=TESTER, at=NOON, authoritative=True)


@pytest.fixture
def people() -> dict[str, Patient]:
    PatientFactory.create_batch(3)
    return {
        "iris": register("T77001", family_name="Zzdemo-Ölberg", given_name="Iris", middle_name="Mae",
                         birth_date=date(1980, 5, 4), sex="F"),
        "neil": register("AB-4711", family_name="O'Zzneil", given_name="Jean Pierre", birth_date=date(1961, 12, 31)),
        "yamada": register("T77003", family_name="Zzyamada", given_name="Tarou", ideographic_name="山田^太郎",
                           phonetic_name="やまだ^たろう", birth_date=date(1980, 4, 5)),
        "van": register("T77004", family_name="van der Zzdyk", given_name="Ada"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        ("iris", ["iris"]),
        ("IRIS zzd", ["iris"]),
        ("mae", ["iris"]),
        ("olberg, iris", ["iris"]),
        ("Ölberg", ["iris"]),
        ("oelberg", ["iris"]),
        ("ozzneil", ["neil"]),
        ("o'zzneil pierre", ["neil"]),
        ("pierre", ["neil"]),
        ("山田", ["yamada"]),
        ("田太", ["yamada"]),
        ("太郎", ["yamada"]),
        ("やまだ", ["yamada"]),
        ("zzdyk", ["van"]),
        ("vander zz", ["van"]),
        ("van der zzdyk", ["van"]),
        ("T77001", ["iris"]),
        ("t77001", ["iris"]),
        ("T7700", ["iris", "van", "yamada"]),
        ("ab-4711", ["neil"]),
        ("1980-05-04", ["iris"]),
        ("04.05.1980", ["iris"]),
        ("4.5.80", ["iris"]),
        ("05/04/1980", ["iris", "yamada"]),
        ("19800504", ["iris"]),
        ("4 May 1980", ["iris"]),
        ("May 4, 1980", ["iris"]),
        ("4. Mai 1980", ["iris"]),
        ("1980年5月4日", ["iris"]),
        ("iris 1980", ["iris"]),
        ("zzdemo 04.05.1980", ["iris"]),
        ("iris 1981", []),
        ("zzdemo 05.06.1980", []),
        ("ris", []),
        ("iris zzyamada", []),
    ],
)
def test_one_text_finds_people(people: dict[str, Patient], text: str, whom: list[str]) -> None:
    viewer = make_user("zzdesk", Role.SCHEDULER, sites=(SiteFactory(),))
    found = set(patients_matching(text, viewer, today=TODAY))
    assert found == {people[name] for name in whom}


def test_a_number_that_was_given_up_finds_who_has_it_now_and_the_new_name_finds_them_alone() -> None:
    born = date(1950, 1, 2)
    old = register("T88001", family_name="ZZOLDER", given_name="Ada", birth_date=born)
    keep = register("T88002", family_name="ZZKEPT", given_name="Ada", birth_date=born)
    merge_patients(keep.pk, old.pk, actor=TESTER, at=NOON)
    register("T88002", family_name="ZZRENAMED", given_name="Ada", birth_date=born)
    viewer = make_user("zzdesk", Role.SCHEDULER, sites=(SiteFactory(),))
    assert list(patients_matching("T88001", viewer)) == [keep]
    assert list(patients_matching("zzrenamed", viewer)) == [keep]
    assert list(patients_matching("zzkept", viewer)) == []


def test_a_name_that_was_merged_away_finds_who_remained_until_they_are_separated() -> None:
    born = date(1950, 1, 2)
    maiden, married, other = (
        register(number, family_name=name, given_name="Ada", birth_date=born)
        for number, name in (("T88101", "ZZMAIDEN"), ("T88102", "ZZMARRIED"), ("T88103", "ZZOTHER"))
    )
    merge_patients(married.pk, maiden.pk, actor=TESTER, at=NOON)
    merge_patients(other.pk, married.pk, actor=TESTER, at=NOON)
    viewer = make_user("zzdesk", Role.SCHEDULER, sites=(SiteFactory(),))
    register("T88103", family_name="ZZRENAMED", given_name="Ada", birth_date=born)
    for name in ("zzmaiden", "zzmarried", "zzrenamed"):
        assert list(patients_matching(f"{name} ada", viewer)) == [other], name
    merge = Merge.objects.get(retired=married)
    unmerge_patients(merge.pk, reason="two people after all", actor=TESTER, at=NOON)
    assert list(patients_matching("zzmaiden", viewer)) == [married]
    assert list(patients_matching("zzrenamed", viewer)) == [other]


def test_who_works_elsewhere_finds_nobody() -> None:
    placed = make_order(patient=PatientFactory(family_name="ZZFOREIGN"))
    assert list(patients_matching("zzforeign", make_user("zza", Role.SCHEDULER, sites=(SiteFactory(),))))
    elsewhere = make_user("zzb", Role.SCHEDULER, sites=(SiteFactory(code="south"),))
    number = placed.patient.identifiers.get().value
    for text in ("zzforeign", number, "1945-07-14"):
        assert list(patients_matching(text, elsewhere)) == [], text
    assert list(patients_matching("zzforeign", make_user("zznobody"))) == []


def test_a_search_of_more_words_than_any_name_is_refused() -> None:
    with pytest.raises(Invalid, match="words"):
        patients_matching("a b c d e f g h i j k l m n o p q r s t u v", make_user("zzdesk"))


@pytest.mark.once
@given(st.text(max_size=80), st.text(max_size=40))
def test_each_word_of_a_name_finds_it_whatever_its_signs(family: str, given_name: str) -> None:
    tokens = name_tokens(family, given_name, "")
    assert all(token and len(token) <= 64 for token in tokens)
    assert len(tokens) == len(set(tokens)) <= 40
    try:
        searched = read_search(given_name[:30], today=TODAY)
    except Invalid:
        assert len(re.split(r"\W+", given_name[:30])) > 8, "only more words than any name has are refused"
        return
    for writings in searched.words[:2]:
        if len(tokens) < 40 and not any(c.isdigit() for c in given_name):
            assert any(token.startswith(writing[:64]) for token in tokens for writing in writings)
