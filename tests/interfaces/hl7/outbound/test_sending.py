from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

import pytest

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound import sender
from interfaces.hl7.outbound.sender import DestinationSender, due
from interfaces.hl7.v2.header import recover_header
from ris.kernel.models import Alarm
from tests.interfaces.hl7.emr import accept, destination, emr, msa, owed
from tests.interfaces.hl7.hl7 import NOON

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self):
        return self.at

    def pass_by(self, **time: float) -> None:
        self.at += timedelta(**time)


def sender_to(to: Destination, clock: Clock | None = None) -> DestinationSender:
    return DestinationSender(to.pk, clock=clock or Clock(), sleep=lambda seconds: None)


def state_of(message: OutboundMessage) -> str:
    return message.reread().state


def test_messages_go_in_order_over_one_connection_and_are_sent_when_accepted():
    with emr() as (system, port):
        to = destination(port)
        messages = [owed(to, number=n) for n in range(1, 4)]
        assert sender_to(to).drain() == 3
        assert system.control_ids == ["N1-1", "N1-2", "N1-3"]
        assert system.connections == 1
    assert {state_of(m) for m in messages} == {"sent"}
    assert messages[0].reread().answer_code == "AA"


def test_a_refusal_stops_its_lane_and_shows_and_other_lanes_go_on():
    def script(raw: bytes, before: int) -> bytes:
        control_id = recover_header(raw).control_id
        return msa(control_id, "AE", "OBR-4 unknown") if control_id == "N1-1" else msa(control_id)

    with emr(script) as (_, port):
        to = destination(port)
        refused, behind, other = owed(to, "N1", 1), owed(to, "N1", 2), owed(to, "N2", 1)
        sender_to(to).drain()
    assert (state_of(refused), state_of(behind), state_of(other)) == ("stopped", "queued", "sent")
    assert refused.error == "OBR-4 unknown"
    assert Alarm.objects.get().kind == "hl7-message-refused"


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_no_refusal_counts_as_success(code):
    with emr(lambda raw, before: msa(recover_header(raw).control_id, code, error="101")) as (_, port):
        to = destination(port)
        message = owed(to)
        sender_to(to).drain()
    assert (state_of(message), message.answer_code) == ("stopped", code)


def test_an_answer_to_another_message_is_not_the_answer():
    with emr(lambda raw, before: msa("SOMETHING-ELSE")) as (_, port):
        to = destination(port)
        message = owed(to)
        assert sender_to(to).drain() == 0
    assert state_of(message) == "queued"
    assert Destination.objects.get().last_error == "No answer within 1 s."


@pytest.mark.parametrize("answer", [b"garbage", b"MSH|^~\\&|X", b"MSH|^~\\&|X|||||||1|P|2.3\rMSA|ZZ|N1-1\r"])
def test_an_answer_that_says_nothing_is_not_the_answer(answer):
    with emr(lambda raw, before: answer) as (_, port):
        to = destination(port)
        message = owed(to)
        assert sender_to(to).drain() == 0
    assert state_of(message) == "queued"


def test_an_outage_of_eight_hours_keeps_all_raises_one_alarm_and_drains_in_order_afterwards():
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    to, clock = destination(port), Clock()
    messages = [owed(to, lane=f"N{n % 3}", number=n) for n in range(9)]
    until = clock.at + timedelta(hours=8)
    tries = 0
    while clock.at < until:
        if due(clock.at).exists():
            sender_to(to, clock).drain()
            tries += 1
        clock.pass_by(seconds=30)
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.cleared_at) == ("hl7-destination-down", None)
    assert tries > 400
    assert all(state_of(m) == "queued" for m in messages)
    with emr() as (system, port):
        Destination.objects.update(port=port)
        clock.pass_by(minutes=2)
        assert sender_to(to, clock).drain() == 9
        for lane in ("N0", "N1", "N2"):
            ids = [int(i.split("-")[1]) for i in system.control_ids if i.startswith(lane)]
            assert ids == sorted(ids)
    assert Alarm.objects.get().cleared_at is not None


def test_the_delay_between_tries_grows_to_a_minute_and_no_further():
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    to, clock = destination(port), Clock()
    owed(to)
    delays = []
    for _ in range(9):
        sender_to(to, clock).drain()
        to.refresh_from_db()
        delays.append((to.retry_at - clock.at).total_seconds())
        clock.at = to.retry_at
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_clock_that_was_an_hour_ahead_during_an_outage_delays_nothing_once_it_is_right():
    with socket.create_server(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    to, clock = destination(port), Clock()
    owed(to)
    clock.pass_by(hours=1)
    sender_to(to, clock).drain()
    with emr() as (system, port):
        Destination.objects.update(port=port)
        assert due(NOON).exists()
        assert sender_to(to, Clock()).drain() == 1
    assert system.control_ids == ["N1-1"]


def test_a_call_that_comes_while_a_sender_leaves_is_answered(monkeypatch):
    drained: list[int] = []
    waits: list[threading.Event] = []

    class Bell(threading.Event):
        """Whose wait times out at the very moment at which somebody calls."""

        def wait(self, timeout=None):
            waits.append(self)
            if len(waits) == 1:
                pool.call(1)
            return False

    class Quiet:
        def __init__(self, destination_id: int) -> None:
            pass

        def drain(self) -> int:
            drained.append(1)
            return 0

        def close(self) -> None:
            pass

    monkeypatch.setattr(sender, "DestinationSender", Quiet)
    monkeypatch.setattr(sender.threading, "Event", Bell)
    pool = sender.SenderPool(linger_s=0)
    pool._bells[1] = Bell()
    pool._run(1)
    assert len(drained) == 2
    assert not pool._bells


def test_a_connection_that_the_peer_closed_while_idle_is_opened_anew():
    with emr() as (system, port):
        system.hang_up_after_answer = True
        to = destination(port)
        for n in range(3):
            owed(to, number=n)
        assert sender_to(to).drain() == 3
        assert system.connections == 3


def test_a_message_resent_after_a_crash_has_the_same_control_id_and_is_marked_once():
    with emr() as (system, port):
        to = destination(port)
        message = owed(to)
        crashed = sender_to(to)
        assert crashed._take_lease()
        crashed._connection_to(to).exchange(bytes(message.raw), message.control_id)  # killed before it marks
        later = Clock()
        assert sender_to(to, later).drain() == 0  # the lease still stands
        later.pass_by(seconds=60)
        assert sender_to(to, later).drain() == 1
        assert system.control_ids == ["N1-1", "N1-1"]
    assert state_of(message) == "sent"


def test_several_senders_at_once_never_interleave_or_double():
    with emr() as (system, port):
        to = destination(port)
        for n in range(30):
            owed(to, lane=f"N{n % 2}", number=n)
        from django.db import connections

        def run() -> None:
            try:
                for _ in range(20):
                    DestinationSender(to.pk).drain()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(system.got) == 30
        for lane in ("N0", "N1"):
            ids = [int(i.split("-")[1]) for i in system.control_ids if i.startswith(lane)]
            assert ids == sorted(ids)


def test_a_sender_that_lost_its_lease_marks_nothing():
    with emr() as (_, port):
        to = destination(port)
        message = owed(to)
        slow = sender_to(to)

        def stolen(raw: bytes, before: int) -> bytes | None:
            Destination.objects.update(lease_holder="another")
            from django.db import connections

            connections.close_all()
            return accept(raw, before)

        with emr(stolen) as (_, other_port):
            Destination.objects.update(port=other_port)
            slow.drain()
    assert state_of(message) == "queued"


def test_a_paused_destination_or_one_without_address_waits():
    to = destination(0, host="")
    owed(to)
    assert sender_to(to).drain() == 0
    Destination.objects.update(host="127.0.0.1", paused_at=NOON)
    assert not due(NOON).exists()
    assert sender_to(to).drain() == 0


def test_a_throttle_spaces_messages():
    pauses: list[float] = []
    with emr() as (_, port):
        to = destination(port, most_a_second=10)
        owed(to, number=1), owed(to, number=2)
        DestinationSender(to.pk, clock=Clock(), sleep=pauses.append).drain()
    assert pauses == [0.1, 0.1]


def test_the_whole_time_limit_holds_for_the_message_after_a_late_answer():
    """The first answer comes near the limit; a large second message then still has the whole limit to be written."""
    from interfaces.hl7.outbound.connection import DestinationConnection

    def script(raw: bytes, before: int) -> bytes:
        if before == 0:
            time.sleep(0.8)
        return msa("A1" if before == 0 else "A2")

    with emr(script) as (_, port):
        connection = DestinationConnection(Destination(host="127.0.0.1", port=port, timeout=1))
        connection.exchange(b"MSH|^~\\&|x\r", "A1")
        limits: list[float | None] = []

        class Watched:
            def __init__(self, sock: socket.socket) -> None:
                self._sock = sock

            def sendall(self, data: bytes) -> None:
                limits.append(self._sock.gettimeout())
                self._sock.sendall(data)

            def __getattr__(self, name: str):
                return getattr(self._sock, name)

        connection._socket = Watched(connection._socket)
        assert connection.exchange(b"MSH|^~\\&|x\r", "A2").code == "AA"
        connection.close()
    assert limits == [1]
