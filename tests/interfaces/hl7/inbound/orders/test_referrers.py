"""Who ordered is a person: matched by number, by NPI, by name and authority; to an account by number or NPI only."""

from __future__ import annotations

import pytest
from django.test import Client

from ris.orders.models import Order
from ris.people.models import Practitioner, PractitionerNumber
from ris.people.practitioners.services import link_account, merge_practitioners
from ris.people.roles import Role
from tests.factories import NOON, TESTER, make_user
from tests.interfaces.hl7.hl7 import message, msh, obr, pid, take

pytestmark = pytest.mark.django_db
NPI = "1234567893"


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def place(
    placer: str, orc12: str, *, obr16: str = "", pv1: str = "PV1||O", more: dict[int, str] | None = None
) -> Order:
    raw = message(
        msh("ORM^O01"), pid(f"T{placer}"), pv1, f"ORC|NW|{placer}^EMR||||||||||{orc12}",
        obr(placer, fields={16: obr16} | (more or {})),
    )  # fmt: skip
    row = take(raw)
    assert row.answer_code == "AA", row.reason
    return Order.objects.get(placer_number=placer)


def xcn(number: str, name: str = "ZZDOC^RITA", authority: str = "", kind: str = "") -> str:
    return f"{number}^{name}^^^^^^{authority}^^^^{kind}".rstrip("^")


def test_an_unknown_referrer_becomes_an_entry_that_a_person_has_not_looked_at():
    placed = place("P1", xcn("DR9", authority="NORTH"))
    entry = Practitioner.objects.get()
    assert (entry.name, entry.reviewed, entry.npi, placed.practitioner) == ("ZZDOC^RITA", False, "", entry)
    assert list(entry.numbers.values_list("authority", "number")) == [("NORTH", "DR9")]
    assert (placed.ordering_provider, placed.ordering_provider_id, placed.referrer) == ("ZZDOC^RITA", "DR9", None)


def test_two_numbers_with_one_npi_are_one_person():
    first = place("P1", f"{xcn('A1', authority='NORTH')}~{xcn(NPI, authority='NPI')}")
    second = place("P2", f"{xcn('B7', authority='SOUTH')}~{xcn(NPI, kind='NPI', authority='CMS')}")
    third = place("P3", xcn("B7", authority="SOUTH"))
    entry = Practitioner.objects.get()
    assert {first.practitioner, second.practitioner, third.practitioner} == {entry}
    assert entry.npi == NPI
    assert set(entry.numbers.values_list("authority", "number")) == {("NORTH", "A1"), ("SOUTH", "B7")}


def test_one_number_of_two_authorities_is_two_people():
    first = place("P1", xcn("77", "ZZONE^ANNA", "NORTH"))
    second = place("P2", xcn("77", "ZZTWO^BERT", "SOUTH"))
    assert first.practitioner != second.practitioner
    assert Practitioner.objects.count() == 2


def test_one_number_of_an_authority_under_name_and_oid_is_one_person():
    oid = "1.2.276.0.76.3.1.999"
    first = place("P1", f"77^ZZONE^ANNA^^^^^^NORTH&{oid}&ISO")
    second = place("P2", f"77^ZZONE^ANNA^^^^^^&{oid}&ISO")
    assert first.practitioner == second.practitioner


def test_a_number_without_an_authority_is_the_senders():
    place("P1", xcn("77"))
    raw = message(msh("ORM^O01").replace("|EMR|NORTH|", "|OTHER|SOUTH|"), pid("T9"), "ORC|NW|P2", obr("P2", fields={
        16: xcn("77", "ZZOTHER^CARL")}))  # fmt: skip
    take(raw)
    assert PractitionerNumber.objects.filter(number="77").count() == 2


def test_a_renamed_doctor_stays_one_person_and_is_looked_at_again():
    place("P1", xcn("DR9", "ZZMAIDEN^RITA", "NORTH"))
    Practitioner.objects.update(reviewed=True, doubt="")
    place("P2", xcn("DR9", "ZZMARRIED^RITA", "NORTH"))
    place("P3", xcn("DR9", "zzmaiden^Rita", "NORTH"))  # an older message, or a system that has not heard
    entry = Practitioner.objects.get()
    assert (entry.name, entry.former_names) == ("ZZMARRIED^RITA", ["ZZMAIDEN^RITA"])
    assert (entry.reviewed, entry.doubt) == (False, "It came under another name")
    assert Order.objects.filter(practitioner=entry).count() == 3


def test_an_account_linked_later_sees_earlier_orders_and_no_others(hospital):
    mine, foreign = place("P1", xcn("DR9", authority="NORTH")), place("P2", xcn("DR8", "ZZELSE^OTTO", "NORTH"))
    user = make_user("ref", Role.REFERRER, sites=(mine.site,))
    web = Client()
    web.force_login(user)
    assert web.get(f"/orders/mine/{mine.pk}/").status_code == 404
    link_account(mine.practitioner_id, user.pk, actor=TESTER, at=NOON)
    assert Order.objects.get(pk=mine.pk).referrer == user
    page = web.get(f"/orders/mine/{mine.pk}/")
    assert page.status_code == 200 and "CT head" in page.content.decode()
    assert web.get(f"/orders/mine/{foreign.pk}/").status_code == 404
    assert mine.accession in web.get("/orders/mine/").content.decode()
    assert foreign.accession not in web.get("/orders/mine/").content.decode()
    later = place("P3", xcn("DR9", authority="NORTH"))
    assert later.referrer == user


def test_an_account_is_found_by_its_npi():
    user = make_user("ref", Role.REFERRER, npi=NPI)
    assert place("P1", xcn(NPI, authority="NPI")).referrer == user


def test_a_name_alone_never_reaches_an_account():
    first = place("P1", "^ZZDOC^RITA")
    assert place("P2", "^ZzDoc^Rita").practitioner == first.practitioner
    user = make_user("ref", Role.REFERRER, first_name="RITA", last_name="ZZDOC")
    link_account(first.practitioner_id, user.pk, actor=TESTER, at=NOON)
    assert Order.objects.filter(referrer=user).count() == 2  # a person has said so
    third = place("P3", "^ZZDOC^RITA")
    assert third.referrer is None and third.practitioner != first.practitioner


def test_pv1_8_counts_where_nobody_else_is_named():
    placed = place("P1", "", pv1=f"PV1||O||||||{xcn('R5', 'ZZREF^DORA', 'NORTH')}")
    assert placed.practitioner is not None
    assert placed.practitioner.numbers.get().number == "R5"
    assert place("P2", xcn("DR9"), pv1="PV1||O||||||R6^ZZREF^DORA").practitioner.numbers.get().number == "DR9"


def test_who_gets_copies_is_matched_alike_and_sees_the_order():
    first = place("P1", xcn("DR9", authority="NORTH"))
    copies = f"{xcn('DR9', authority='NORTH')}~{xcn(NPI, 'ZZCC^IVY', 'CMS', 'NPI')}"
    second = place("P2", xcn("DR1", "ZZELSE^OTTO", "NORTH"), more={28: copies})
    assert first.practitioner in second.copy_practitioners.all()
    ivy = Practitioner.objects.get(npi=NPI)
    user = make_user("ivy", Role.REFERRER, sites=(first.site,))
    link_account(ivy.pk, user.pk, actor=TESTER, at=NOON)
    web = Client()
    web.force_login(user)
    assert web.get(f"/orders/mine/{second.pk}/").status_code == 200
    assert web.get(f"/orders/mine/{first.pk}/").status_code == 404


def test_a_change_names_another_referrer():
    place("P1", xcn("DR9", authority="NORTH"))
    raw = message(msh("ORM^O01", at="20260310130000"), pid("TP1"), f"ORC|XO|P1^EMR||||||||||{xcn('DR5', 'ZZNEW^ADA')}",
                  obr("P1"))  # fmt: skip
    assert take(raw).state == "applied"
    assert str(Order.objects.get().practitioner) == "ZZNEW, ADA"


def test_doubles_are_merged_with_their_orders_and_what_comes_later():
    first, second = place("P1", xcn("A1", authority="NORTH")), place("P2", xcn("B7", authority="SOUTH"))
    copied = place("P3", xcn("C3", "ZZELSE^OTTO"), more={28: f"{xcn('A1', authority='NORTH')}~"
                                                              f"{xcn('B7', authority='SOUTH')}"})  # fmt: skip
    user = make_user("ref", Role.REFERRER)
    link_account(second.practitioner_id, user.pk, actor=TESTER, at=NOON)
    merge_practitioners(first.practitioner_id, second.practitioner_id, actor=TESTER, at=NOON)
    assert Order.objects.filter(practitioner=first.practitioner_id, referrer=user).count() == 2
    assert list(copied.copy_practitioners.values_list("pk", flat=True)) == [first.practitioner_id]
    assert place("P4", xcn("B7", authority="SOUTH")).practitioner_id == first.practitioner_id
