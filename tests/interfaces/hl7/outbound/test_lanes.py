"""What a refusal, and what no answer at all, does to a message's lane and to the others."""

from __future__ import annotations

import pytest

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.operations import services
from interfaces.hl7.outbound.connection import parse_answer
from interfaces.hl7.v2.header import recover_header
from ris.kernel.models import Alarm
from tests.factories import TESTER
from tests.interfaces.hl7.emr import accept, destination, emr, msa, owed
from tests.interfaces.hl7.outbound.test_sending import Clock, sender_to, state_of

pytestmark = pytest.mark.django_db(transaction=True)


def states() -> list[str]:
    return list(OutboundMessage.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.parametrize("fatal", [b"", None], ids=["closes", "is silent"])
def test_a_message_that_the_peer_cannot_digest_stops_its_own_lane_and_no_other(fatal):
    """The peer drops the line, or says nothing, whenever it gets this message; it answers every other one."""

    def script(raw: bytes, before: int) -> bytes | None:
        if recover_header(raw).control_id == "BAD-1":
            if fatal is not None:
                raise ConnectionResetError
            return None
        return accept(raw, before)

    with emr(script) as (system, port):
        to, clock = destination(port), Clock()
        bad, behind = owed(to, "BAD", 1), owed(to, "BAD", 2)
        for round_ in range(8):
            owed(to, f"N{round_}")
            sender_to(to, clock).drain()
            clock.pass_by(seconds=61)
    assert (state_of(bad), state_of(behind)) == ("stopped", "queued")
    assert states()[2:] == ["sent"] * 8
    tries = bad.reread().attempts
    assert tries == 3 and system.control_ids.count("BAD-1") >= tries
    alarm = Alarm.objects.get(kind="hl7-message-refused")
    assert (alarm.subject, alarm.cleared_at) == ("EMR BAD", None)
    assert bad.reread().error.startswith("The peer answers other messages")
    services.skip(bad.pk, reason="sent by fax", actor=TESTER, at=clock.at)
    assert Alarm.objects.get(kind="hl7-message-refused").cleared_at == clock.at


def test_a_peer_that_is_silent_to_all_loses_nothing_and_stops_no_lane():
    with emr(lambda raw, before: None) as (system, port):
        to, clock = destination(port), Clock()
        for n in range(3):
            owed(to, f"N{n}")
        for _ in range(12):
            sender_to(to, clock).drain()
            clock.pass_by(seconds=61)
        assert states() == ["queued"] * 3
        system.script = accept
        clock.pass_by(seconds=61)
        sender_to(to, clock).drain()
    assert states() == ["sent"] * 3


def test_what_the_peer_cannot_take_now_is_sent_again_and_other_lanes_do_not_wait():
    def script(raw: bytes, before: int) -> bytes:
        control_id = recover_header(raw).control_id
        return msa(control_id, "AE", error="207") if control_id == "N1-1" and before < 5 else msa(control_id)

    with emr(script) as (system, port):
        to, clock = destination(port), Clock()
        first, behind, other = owed(to, "N1", 1), owed(to, "N1", 2), owed(to, "N2", 1)
        sender_to(to, clock).drain()
        assert (state_of(first), state_of(behind), state_of(other)) == ("queued", "queued", "sent")
        assert sender_to(to, clock).drain() == 0, "not before its time"
        for _ in range(6):
            clock.pass_by(minutes=10)
            sender_to(to, clock).drain()
        assert states() == ["sent"] * 3
        assert system.control_ids[-2:] == ["N1-1", "N1-2"]
    assert Alarm.objects.get(kind="hl7-message-refused").cleared_at is not None


def test_a_refusal_that_explains_nothing_is_tried_for_a_while_and_then_waits_for_a_person():
    with emr(lambda raw, before: msa(recover_header(raw).control_id, "AR")) as (system, port):
        to, clock = destination(port), Clock()
        message = owed(to)
        for _ in range(20):
            sender_to(to, clock).drain()
            clock.pass_by(minutes=10)
        assert state_of(message) == "stopped"
        assert len(system.got) == 10


@pytest.mark.parametrize("code", ["AE", "AR"])
@pytest.mark.parametrize("error", ["100", "101", "102", "103", "104", "200", "201", "202", "203", "204", "205", "206"])
def test_what_is_wrong_in_the_message_is_not_sent_again_by_itself(code, error):
    answer = parse_answer(msa("N1", code, error=error), "N1")
    assert answer is not None and answer.error_code == error
    assert not answer.is_not_now and not answer.is_unexplained


@pytest.mark.parametrize(
    ("tail", "not_now"),
    [
        ("MSA|AE|N1\rERR|||207^Application internal error^HL70357|E\r", True),
        ("MSA|AR|N1\rERR|MSH^1^^207&Application internal error\r", True),
        ("MSA|AE|N1||||207\r", True),
        ("MSA|AE|N1\rERR|||207|E\rERR|||101|E\r", False),
        ("MSA|AE|N1|down for the night\r", False),
    ],
    ids=["2.5 ERR-3", "2.3.1 ERR-1.4", "MSA-6", "one of two", "text only"],
)
def test_the_error_code_is_read_wherever_a_version_has_it(tail, not_now):
    answer = parse_answer(f"MSH|^~\\&|E|X|W|R|2026||ACK|1|P|2.5.1\r{tail}".encode(), "N1")
    assert answer is not None and answer.is_not_now == not_now


def test_a_message_that_proves_invalid_holds_its_lane_and_others_go_on():
    with emr() as (_, port):
        to = destination(port)
        bad, good = owed(to, "N1"), owed(to, "N2")
        OutboundMessage.objects.filter(pk=bad.pk).update(prepared_at=None)
        sender_to(to).drain()
    assert (state_of(bad), state_of(good)) == ("invalid", "sent")
    assert Alarm.objects.get().subject == "EMR N1"


def test_a_rendering_that_breaks_holds_its_lane_and_others_go_on(monkeypatch):
    from interfaces.hl7.outbound import preparation

    def breaks(destination, text):
        raise ZeroDivisionError

    with emr() as (_, port):
        to = destination(port)
        bad, good = owed(to, "N1"), owed(to, "N2")
        OutboundMessage.objects.filter(pk=bad.pk).update(prepared_at=None)
        monkeypatch.setattr(preparation, "find_fault", breaks)
        sender_to(to).drain()
    assert (state_of(bad), state_of(good)) == ("invalid", "sent")
    assert "ZeroDivisionError" in bad.reread().error


def test_what_waits_for_a_peer_that_is_away_is_validated_meanwhile():
    to = destination(0, host="")
    message = owed(to)
    OutboundMessage.objects.filter(pk=message.pk).update(prepared_at=None)
    from interfaces.hl7.outbound import sender

    assert sender.send_owed(at=Clock().at) == 0
    assert state_of(message) == "invalid"
    assert Destination.objects.get().failures == 0
