from __future__ import annotations

import pytest

from interfaces.hl7.models import InboundMessage, Peer
from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import answer, message, msh, obr, orc, order, pid, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def test_a_resend_gets_its_first_answer_again_and_changes_nothing():
    first = take(order(control_id="SAME"))
    again = take(order(control_id="SAME"))
    assert again.state == "duplicate"
    assert again.duplicate_of_id == first.pk
    assert bytes(again.answer) == bytes(first.answer)
    assert Order.objects.count() == 1


def test_the_same_control_id_with_other_content_is_refused_as_duplicate_key():
    take(order(control_id="SAME"))
    row = take(order(placer="P2", control_id="SAME"))
    assert (row.answer_code, row.faults[0][0]) == ("AE", "205")
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "code"), [("ZZZ^Z01", "200"), ("ADT^A99", "201"), ("", "101")], ids=["type", "event", "missing"]
)
def test_an_unknown_message_is_answered_by_name(kind, code):
    row = take(message(msh(kind), pid()))
    assert row.faults[0][0] == code
    assert row.answer_code == ("AE" if code == "101" else "AR")


def test_an_unknown_version_and_processing_id_are_rejected():
    assert take(message(msh("ORM^O01", version="9.9"), pid(), orc(), obr())).faults[0][0] == "203"
    raw = order().replace(b"|P|2.3.1", b"|Q|2.3.1")
    assert take(raw).faults[0][0] == "202"


def test_garbage_is_kept_and_answered():
    row = take(b"hello world")
    assert (row.state, row.answer_code) == ("refused", "AE")
    assert bytes(InboundMessage.objects.get().raw) == b"hello world"


def test_the_control_id_is_recovered_from_what_cannot_be_read():
    row = take(b"garbage MSH|^~\\&|EMR|NORTH|RIS|RAD|2026||ORM^O01|M77|P|2.3.1\rPID")
    assert answer(row)[1][:3] == ["MSA", "AE", "M77"]


def test_a_sender_seen_first_on_loopback_gets_a_flagged_row_in_a_demo():
    take(order())
    peer = Peer.objects.get()
    assert (peer.application, peer.facility, peer.flagged) == ("EMR", "NORTH", True)


def test_an_unknown_sender_from_elsewhere_is_rejected_and_its_message_kept():
    row = take(order(), address="192.0.2.7")
    assert (row.answer_code, row.state) == ("AR", "refused")
    assert not Peer.objects.exists()
    assert not Order.objects.exists()


def test_a_known_sender_may_send_from_its_networks_only():
    Peer.objects.create(application="EMR", facility="NORTH", name="EMR", addresses=["192.0.2.0/24"])
    assert take(order(), address="192.0.2.7").answer_code == "AA"
    assert take(order(placer="P2"), address="198.51.100.1").answer_code == "AR"


def test_an_order_response_names_the_filler_number_where_the_sender_expects_one():
    Peer.objects.create(application="EMR", facility="NORTH", name="EMR", ack_style="order")
    segments = answer(take(order()))
    assert segments[0][8] == "ORR^O02"
    assert segments[2] == ["ORC", "OK", "P1^EMR", Order.objects.get().filler_number]


def test_our_own_failure_is_kept_alarmed_and_not_accepted(monkeypatch):
    from interfaces.hl7.inbound import routing
    from ris.kernel.models import Alarm

    def broken(incoming):
        raise RuntimeError("ZZTEST must not be seen")

    monkeypatch.setitem(routing.MESSAGES, "ORM^O01", routing.Entry(broken, (), ""))
    row = take(order(control_id="BOOM"))
    assert (row.state, row.answer_code) == ("failed", "AR")
    assert "ZZTEST" not in row.reason
    assert Alarm.objects.get().kind == "hl7-message-failed"
    monkeypatch.undo()
    assert take(order(control_id="BOOM")).answer_code == "AA"
