"""What is said of an order that was never heard of: accepted, to mend, and settled when the order comes."""

from __future__ import annotations

import pytest

from interfaces.hl7.models import InboundMessage, OrderTrail, Peer
from interfaces.hl7.selectors import needing_attention
from ris.orders.models import Order
from ris.patients.models import AssigningAuthority, AuthorityAlias, Visit
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, order, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


@pytest.mark.parametrize(
    ("control", "state"), [("CA", "cancelled"), ("DC", "cancelled"), ("HD", "held"), ("XO", "active")]
)
def test_it_is_to_mend_until_the_order_comes_and_counts_then(control, state):
    row = take(message(msh("ORM^O01", at="20260310130000"), pid(), f"ORC|{control}|P1^EMR"))
    assert (row.answer_code, row.state) == ("AA", "to mend"), row.reason
    assert needing_attention(InboundMessage.objects.all()).count() == 1
    take(order("NW", at="20260310120000"))
    assert Order.objects.get().state == state
    assert not needing_attention(InboundMessage.objects.all()).exists()
    assert "order has come" in InboundMessage.objects.get(pk=row.pk).reason


def test_a_sender_whose_late_messages_are_let_pass_leaves_nothing_to_mend():
    take(order("NW", "P0"))
    Peer.objects.update(too_late="ignore")
    assert take(message(msh("ORM^O01"), pid(), orc("CA", "P9"))).state == "applied"


def account(number: str) -> str:
    return pid(rest="|" * 10 + f"{number}^^^NORTH^AN")


def test_accounts_are_merged_with_their_orders():
    for placer, number in (("P1", "ACC1"), ("P2", "ACC2")):
        take(
            message(
                msh("ORM^O01"), account(number), seg("PV1", {2: "O"}), orc(placer=placer), f"OBR|1|{placer}^EMR||X^Y"
            )
        )
    row = take(message(msh("ADT^A41", at="20260310140000"), "EVN|A41|20260310140000", account("ACC2"),
                       "MRG|T100^^^NORTH^MR||ACC1^^^NORTH^AN"))  # fmt: skip
    assert row.state == "applied", row.reason
    kept = Visit.objects.get(number="ACC2")
    assert set(Order.objects.values_list("visit", flat=True)) == {kept.pk}
    assert Visit.objects.get(number="ACC1").state == "cancelled"
    again = take(message(msh("ADT^A41", at="20260310150000"), "EVN|A41|20260310150000", account("ACC2"),
                         "MRG|T100^^^NORTH^MR||ACC1^^^NORTH^AN"))  # fmt: skip
    assert again.state == "ignored"


def test_an_account_that_is_merged_into_one_never_heard_of_is_called_so():
    take(message(msh("ORM^O01"), account("ACC1"), seg("PV1", {2: "O"}), orc(), "OBR|1|P1^EMR||X^Y"))
    take(message(msh("ADT^A41", at="20260310140000"), "EVN|A41|20260310140000", account("ACC2"),
                 "MRG|T100^^^NORTH^MR||ACC1^^^NORTH^AN"))  # fmt: skip
    assert Order.objects.get().visit == Visit.objects.get(number="ACC2")


def test_a_number_of_another_patient_is_a_duplicate_key():
    take(order("NW", "P1"))
    row = take(message(msh("ORM^O01", at="20260310140000"), pid("T900"), orc("XO"), "OBR|1|P1^EMR||CTHEADWO^CT head^L"))
    assert (row.answer_code, row.faults[0][0]) == ("AE", "205")


def said(control: str, placer: str, **header: str) -> InboundMessage:
    """An order message whose ORC-2 and OBR-2 are ``placer`` as it stands."""
    return take(message(msh("ORM^O01", **header), pid(), f"ORC|{control}|{placer}", obr(fields={2: placer})))


@pytest.mark.parametrize(
    ("placed", "changed"),
    [
        ("P1^^1.2.999.7^ISO", "P1^ZZPLACER^1.2.999.7^ISO"),
        ("P1^ZZPLACER^1.2.999.7^ISO", "P1^^1.2.999.7^ISO"),
        ("P1^^1.2.999.7^ISO", "P1^ZZPLACER"),
        ("P1^ZZPLACER", "P1^^1.2.999.7^ISO"),
        ("P1^ZZMAIN", "P1^ZZPLACER"),
    ],
)
def test_an_order_is_found_whichever_name_of_its_placer_is_said(placed: str, changed: str) -> None:
    authority = AssigningAuthority.objects.create(name="ZZMAIN", universal_id="1.2.999.7")
    if "1.2.999.7" not in placed or "1.2.999.7" not in changed:
        # A person has said that these are one.
        AuthorityAlias.objects.create(alias="ZZPLACER", authority=authority)
        placed = placed.replace("ZZPLACER", "ZZMAIN")
    said("NW", placed, at="20260310120000")
    row = said("CA", changed, at="20260310130000")
    assert (row.state, Order.objects.get().state) == ("applied", "cancelled"), row.reason


def test_an_order_kept_under_its_senders_name_is_found_by_its_universal_id() -> None:
    said("NW", "P1^^1.2.999.7^ISO", at="20260310120000")
    # As orders were kept before universal ids counted.
    Order.objects.update(placer_authority="EMR@NORTH")
    OrderTrail.objects.update(authority="EMR@NORTH")
    assert said("CA", "P1^^1.2.999.7^ISO", at="20260310130000").state == "applied"
    assert Order.objects.get().state == "cancelled"


def test_two_placers_that_share_a_number_and_no_name_stay_two() -> None:
    AssigningAuthority.objects.create(name="ZZMAIN", universal_id="1.2.999.8")
    said("NW", "P1^ZZMAIN^1.2.999.7^ISO")
    said("NW", "P1^^1.2.999.8^ISO")
    said("CA", "P1^^1.2.999.8^ISO")
    assert list(Order.objects.order_by("pk").values_list("state", flat=True)) == ["active", "cancelled"]
