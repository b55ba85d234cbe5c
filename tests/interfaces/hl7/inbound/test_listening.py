from __future__ import annotations

import socket
import time

import pytest

from interfaces.hl7.inbound.listener import Limits
from interfaces.hl7.models import InboundMessage
from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, order, pid
from tests.interfaces.hl7.wire import END, START, Client, listening, parsed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_hospital(transactional_db, hospital):
    return hospital


def test_many_messages_on_one_connection_are_answered_in_order():
    with listening() as port, Client(port) as sender:
        answers = [sender.ask(order(placer=f"P{n}", control_id=f"M{n}")) for n in range(5)]
    assert [a[1][1:3] for a in answers] == [["AA", f"M{n}"] for n in range(5)]
    assert Order.objects.count() == 5


def test_two_messages_in_one_write_get_two_answers():
    with listening() as port, Client(port) as sender:
        both = [order(placer=f"P{n}", control_id=f"M{n}") for n in (1, 2)]
        sender.sock.sendall(b"".join(START + raw + END for raw in both))
        assert [parsed(sender.receive())[1][2] for _ in both] == ["M1", "M2"]


def test_a_message_byte_by_byte_is_taken():
    with listening() as port, Client(port) as sender:
        sender.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in START + order(control_id="SLOW") + END:
            sender.sock.sendall(bytes([byte]))
        assert parsed(sender.receive())[1][1:3] == ["AA", "SLOW"]


def test_a_message_over_a_megabyte_is_refused_kept_and_the_connection_goes_on():
    with listening() as port, Client(port) as sender:
        head = msh("ORM^O01", control_id="BIG").encode() + b"\rNTE|1||"
        assert sender.ask(head + b"x" * (1_000_001 - len(head)))[1][1:3] == ["AE", "BIG"]
        assert sender.ask(order(control_id="NEXT"))[1][1:3] == ["AA", "NEXT"]
    assert InboundMessage.objects.get(control_id="BIG").state == "refused"


def test_the_sender_of_too_long_a_message_is_told_the_limit_of_this_listener():
    with listening(limits=Limits(message_bytes=2_000)) as port, Client(port) as sender:
        answer = sender.ask(order(control_id="BIG") + b"NTE|1||" + b"x" * 2_000)
    assert answer[1] == ["MSA", "AE", "BIG", "A message may have at most 2,000 bytes."]


def test_a_message_that_never_ends_is_answered_and_kept():
    with listening(limits=Limits(message=0.3)) as port, Client(port) as sender:
        sender.sock.sendall(START + order(control_id="OPEN"))
        assert parsed(sender.receive())[1][1:3] == ["AE", "OPEN"]
        assert sender.receive() == b""
    assert InboundMessage.objects.get().state == "refused"


def test_noise_between_messages_is_skipped():
    with listening() as port, Client(port) as sender:
        sender.sock.sendall(b"\r\nGET / HTTP/1.1\r\n\r\n")
        assert sender.ask(order(control_id="M1"))[1][1] == "AA"


def test_200_dead_and_trickling_sockets_do_not_hold_up_a_good_sender():
    with listening() as port:
        others = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for sock in others[::2]:
            sock.sendall(START + b"MSH|^~")
        began = time.monotonic()
        with Client(port) as sender:
            assert sender.ask(order())[1][1] == "AA"
        assert time.monotonic() - began < 1
        for sock in others:
            sock.close()


def test_when_connections_run_out_the_one_that_was_silent_longest_gives_way():
    with listening(limits=Limits(connections=3)) as port:
        silent = [Client(port) for _ in range(3)]
        time.sleep(0.1)
        with Client(port) as sender:
            assert sender.ask(order())[1][1] == "AA"
        assert silent[0].sock.recv(1) == b""
        for client in silent:
            client.sock.close()


def test_the_enhanced_mode_commits_first_and_answers_later():
    raw = message(msh("ORM^O01", control_id="E1").replace("||||||", "|||AL|AL||"), pid(), orc(), obr())
    with listening() as port, Client(port) as sender:
        sender.send(raw)
        assert [parsed(sender.receive())[1][1] for _ in range(2)] == ["CA", "AA"]


def test_a_sender_who_wants_no_answer_gets_none_and_its_message_is_applied():
    raw = message(msh("ORM^O01", control_id="E2").replace("||||||", "|||NE|NE||"), pid(), orc(), obr())
    with listening() as port, Client(port) as sender:
        sender.send(raw)
        assert sender.ask(order(placer="P2", control_id="M2"))[1][2] == "M2"
    assert Order.objects.count() == 2


def test_what_an_earlier_run_stored_and_did_not_decide_is_decided_at_the_start():
    from interfaces.hl7.inbound import intake
    from tests.interfaces.hl7.hl7 import NOON

    intake.store_messages([intake.Arrival(order(), "127.0.0.1", NOON)])
    with listening():
        deadline = time.monotonic() + 10
        while InboundMessage.objects.get().state == "received" and time.monotonic() < deadline:
            time.sleep(0.05)
    assert Order.objects.count() == 1
