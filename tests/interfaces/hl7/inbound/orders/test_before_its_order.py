"""What is said of an order that was never heard of: accepted, to mend, and settled when the order comes."""

from __future__ import annotations

import pytest

from interfaces.hl7.models import InboundMessage, Peer
from interfaces.hl7.selectors import needing_attention
from ris.orders.models import Order
from ris.patients.models import Visit
from tests.interfaces.hl7.hl7 import message, msh, orc, order, pid, seg, take

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
