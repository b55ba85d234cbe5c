"""An answer that acknowledges another message is never written: the sender asks again, people are told."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from interfaces.hl7.inbound import responses
from interfaces.hl7.inbound.listener import MISMATCH_ALARM
from interfaces.hl7.models import InboundMessage, Peer
from interfaces.hl7.v2 import acknowledgment
from interfaces.hl7.v2.header import parse_header, recover_header
from interfaces.hl7.v2.parser import parse_message
from ris.kernel.models import Alarm
from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import NOON, order, take
from tests.interfaces.hl7.wire import END, START, Client, listening, parsed

ANSWER_TO_M1 = acknowledgment.build_acknowledgment(
    recover_header(order(control_id="M1")), "AA", control_id="R1", at=NOON
)


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.fixture
def one_crossed_answer(monkeypatch):
    """The first answer to M2 is the one to M1."""
    real, crossed = responses.answers_when_processed, []

    def crossing(header, row, at):
        if header.control_id == "M2" and not crossed:
            crossed.append(row.pk)
            return [ANSWER_TO_M1]
        return real(header, row, at)

    monkeypatch.setattr(responses, "answers_when_processed", crossing)
    return crossed


@pytest.mark.django_db(transaction=True)
def test_the_connection_closes_instead_the_sender_asks_again_and_an_alarm_is_open(hospital, one_crossed_answer):
    sent = [order(placer=f"P{n}", control_id=f"M{n}") for n in (1, 2, 3)]
    with listening() as port, capture_logs() as logs, Client(port) as other:
        with Client(port) as sender:
            sender.sock.sendall(b"".join(START + raw + END for raw in sent))
            assert parsed(sender.receive())[1][1:3] == ["AA", "M1"]
            assert sender.receive() == b""
        assert other.ask(order(placer="P4", control_id="M4"))[1][1:3] == ["AA", "M4"]
        wait_for(lambda: Alarm.objects.exists())
        wait_for(lambda: not InboundMessage.objects.filter(state="received").exists())
        with Client(port) as sender:
            answers = [sender.ask(raw)[1][1:3] for raw in sent]
    assert answers == [["AA", "M1"], ["AA", "M2"], ["AA", "M3"]]
    assert sorted(Order.objects.values_list("placer_number", flat=True)) == ["P1", "P2", "P3", "P4"]
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.subject, alarm.times) == (MISMATCH_ALARM, "127.0.0.1", 1)
    assert alarm.detail.startswith(f"Message {one_crossed_answer[0]}:")
    (line,) = (entry for entry in logs if entry["event"] == "hl7.answer_mismatch")
    assert line == {"event": "hl7.answer_mismatch", "log_level": "error", "message": one_crossed_answer[0]}


ODD = {
    "empty": order().replace(b"|C", b"||", 1),
    "components": order(control_id="M1^EMR&X"),
    "escapes": order(control_id="M\\T\\1\\X41\\"),
    "delimiters of its own": order(control_id="M#T#1").replace(b"^~\\&", b"^~#&"),
    "blanks": order(control_id="  M1 "),
    "repeats": order(control_id="M1~M2"),
    "very long": order(control_id="M" * 300),
    "deleted": order(control_id='""'),
    "UTF-8": order(control_id="MÄ1"),
    "Windows-1252": order(control_id="MÄ1").decode().encode("cp1252"),
    "said to be ASCII": order(control_id="MÄ1", charset="ASCII"),
    "Shift JIS": order(control_id="M表1", charset="ISO IR14").decode().encode("shift_jis"),
    "ISO 2022": order(control_id="M表1", charset="ISO IR87").decode().encode("iso2022_jp_2"),
    "UTF-16": order(control_id="M1", charset="UNICODE UTF-16").decode().encode("utf-16"),
    "no message": b"hello world",
    "not readable": b"garbage MSH|^~\\&|EMR|NORTH|RIS|RAD|2026||ORM^O01|M77^&|P|2.3.1\rPID",
    "a header over two lines": order(control_id="M1").replace(b"|M1|", b"|\r|M1|"),
    "a long message": order(control_id="MÄ^1") + b"NTE|1||" + "ä".encode() * 9000,
}


@pytest.mark.django_db
@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
@pytest.mark.parametrize("charset", ["", "8859/1", "ISO IR14"])
def test_our_answer_to_an_odd_control_id_is_known_as_its_own(hospital, raw, charset):
    Peer.objects.create(application="EMR", facility="NORTH", name="EMR", addresses=["127.0.0.1/32"], charset=charset)
    answer = bytes(take(raw).answer)
    assert acknowledgment.echoes_control_id(answer, recover_header(raw), raw)
    other = order(control_id="OTHER")
    assert not acknowledgment.echoes_control_id(answer, recover_header(other), other)
    assert not acknowledgment.echoes_control_id(ANSWER_TO_M1.replace(b"|M1", b"|OTHER"), recover_header(raw), raw)


@pytest.mark.once
@settings(max_examples=100, deadline=None)
@given(*[st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=20)] * 2)
def test_only_its_own_control_id_is_taken_for_an_echo(mine, other):
    raws = [order(control_id=control_id) for control_id in (mine, other)]
    mine_read, other_read = (parse_header(parse_message(raw)) for raw in raws)
    answer = acknowledgment.build_acknowledgment(mine_read, "AA", control_id="R1", at=NOON)
    assert acknowledgment.echoes_control_id(answer, recover_header(raws[0]), raws[0])
    alike = mine_read.control_id in (other_read.control_id, recover_header(raws[1]).control_id)
    assert acknowledgment.echoes_control_id(answer, recover_header(raws[1]), raws[1]) == alike


def test_an_answer_without_msa_is_no_answer():
    raw = order(control_id="")
    assert not acknowledgment.echoes_control_id(b"", recover_header(raw), raw)
