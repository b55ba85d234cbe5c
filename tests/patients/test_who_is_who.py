"""Patients are found by identifier; newer and more authoritative words win."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ris.kernel import relay
from ris.kernel.errors import Conflict, Invalid
from ris.patients.intents import PatientIntent, VisitIntent
from ris.patients.models import Patient
from ris.patients.selectors import find_patient, patients_matching, possible_duplicates
from ris.patients.services import IdentityPolicy, merge_patients, record_visit, resolve_patient
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user
from tests.racing import race

pytestmark = pytest.mark.django_db

APPLY = IdentityPolicy(unsure="apply", another="apply")  # these tests are about whose words count, not who is meant


def say(number: str = "T1", *, minutes: int = 0, authoritative: bool = True, **said: Any) -> Patient:
    identifiers = said.pop("identifiers", ((number, "NORTH", "MR"),))
    intent = PatientIntent(identifiers=identifiers, message_at=NOON + timedelta(minutes=minutes), **said)
    return resolve_patient(intent, actor=TESTER, at=NOON, authoritative=authoritative, policy=APPLY)


def test_the_same_identifier_is_the_same_patient() -> None:
    first = say(family_name="ZZTEST", given_name="Ärne")
    assert say(phone="555") == first
    assert first.search_name == "ZZTEST^ARNE"


def test_an_older_message_does_not_overwrite_a_newer_one() -> None:
    say(family_name="ZZNEW", minutes=10)
    assert say(family_name="ZZOLD", minutes=5).family_name == "ZZNEW"


def test_an_order_never_overwrites_what_adt_said_but_fills_what_nobody_said() -> None:
    say(family_name="ZZADT", minutes=0)
    assert say(family_name="ZZORM", minutes=10, authoritative=False).family_name == "ZZADT"
    fresh = say("T2", family_name="ZZORM", authoritative=False)
    assert fresh.family_name == "ZZORM"
    assert say("T2", family_name="ZZLATE", birth_date=date(1950, 1, 2), authoritative=False).birth_date
    assert fresh.family_name == "ZZORM"


def test_said_to_be_empty_is_not_the_same_as_not_said() -> None:
    say(family_name="ZZTEST", middle_name="Q")
    assert say(phone="1").middle_name == "Q"
    assert say(middle_name="").middle_name == ""


def test_every_identifier_finds_the_patient_and_foreign_ones_conflict() -> None:
    both = say(identifiers=(("T1", "NORTH", "MR"), ("S1", "SOUTH", "MR")))
    assert find_patient([("S1", "SOUTH", "")]) == both
    other = say("T9")
    with pytest.raises(Conflict, match="different patients"):
        say(identifiers=(("T1", "NORTH", "MR"), ("T9", "NORTH", "MR")))
    assert other != both
    with pytest.raises(Invalid) as nobody:
        say(identifiers=())
    assert nobody.value.at == "PID-3"


def test_a_merged_patient_lives_on_with_identifiers_visits_and_orders() -> None:
    keep, retire = say("T1"), say("T2")
    order = make_order(patient=retire)
    visit = record_visit(
        retire.pk, VisitIntent(number="V1", authority="NORTH", site_id=order.site_id), actor=TESTER, at=NOON
    )
    merge_patients(keep.pk, retire.pk, actor=TESTER, at=NOON)
    merge_patients(keep.pk, retire.pk, actor=TESTER, at=NOON)
    relay.deliver_owed(at=NOON)
    visit.refresh_from_db()
    assert (find_patient([("T2", "NORTH", "")]), visit.patient, order.reread().patient) == (keep, keep, keep)
    assert say("T2", phone="555") == keep, "a message about the old number does not revive it"
    with pytest.raises(Conflict):
        merge_patients(keep.pk, keep.pk, actor=TESTER, at=NOON)


def test_a_visit_is_brought_up_to_date_by_newer_messages_only() -> None:
    patient, site = PatientFactory(), SiteFactory()

    def tell(location: str, minutes: int) -> str:
        intent = VisitIntent(
            number="V1", authority="N", site_id=site.pk, location=location, message_at=NOON + timedelta(minutes=minutes)
        )
        return record_visit(patient.pk, intent, actor=TESTER, at=NOON).location

    assert [tell("ED", 0), tell("ICU", 10), tell("WARD", 5)] == ["ED", "ICU", "ICU"]
    with pytest.raises(Conflict, match="another patient"):
        record_visit(
            PatientFactory().pk, VisitIntent(number="V1", authority="N", site_id=site.pk), actor=TESTER, at=NOON
        )


def test_patients_are_searched_by_name_and_number_and_only_at_ones_sites() -> None:
    north, south = SiteFactory(code="north"), SiteFactory(code="south")
    scheduler = make_user("sched", Role.SCHEDULER, sites=(north,))
    here = say("T1", family_name="ZZMÜLLER", given_name="Berta")
    there = say("T2", family_name="ZZMULLER", given_name="Carl")
    make_order(patient=here, site=north)
    make_order(patient=there, site=south)
    for text in ("zzmull", "ZZMüller, ber", "T1"):
        assert list(patients_matching(text, scheduler)) == [here], text
    assert list(patients_matching("T2", scheduler)) == []
    assert list(patients_matching("zz", make_user("nobody"))) == []


def test_likely_duplicates_are_shown_before_a_patient_is_added() -> None:
    scheduler = make_user("sched", Role.SCHEDULER, sites=(SiteFactory(),))
    there = say("T1", family_name="ZZTEST", given_name="Berta", birth_date=date(1945, 7, 14))
    born = {"birth_date": date(1945, 7, 14), "viewer": scheduler}
    assert list(possible_duplicates(family_name="Zztesd", given_name="B", **born)) == [there]
    assert list(possible_duplicates(family_name="Other", given_name="Carl", **born)) == []


@pytest.mark.django_db(transaction=True)
def test_eight_who_race_with_one_new_identifier_make_one_patient() -> None:
    outcomes = race(8, lambda _: say("T77", family_name="ZZTEST").pk)
    assert len(set(outcomes)) == 1, outcomes
    assert Patient.objects.count() == 1
