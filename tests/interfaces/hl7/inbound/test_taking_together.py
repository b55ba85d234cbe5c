"""Messages that wait at the same moment are applied in one transaction, and none is the worse for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction

from interfaces.hl7.inbound import intake, processing
from interfaces.hl7.models import InboundMessage
from ris.audit.models import AuditEvent
from ris.kernel.db.transactions import lock_name
from ris.kernel.models import Alarm, Record
from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, orc, order, pid
from tests.interfaces.hl7.wire import Client, listening

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_hospital(transactional_db, hospital):
    return hospital


def take_together(*raws: bytes) -> list[InboundMessage]:
    pks = intake.store_messages([intake.Arrival(raw, "127.0.0.1", NOON) for raw in raws])
    rows = intake.process_batch(pks, at=NOON)
    return [rows[pk] for pk in pks]


def test_several_messages_are_applied_in_their_order():
    rows = take_together(order(placer="P1"), order("CA", placer="P1"), order(placer="P2"), order(placer="P3"))
    assert [row.answer_code for row in rows] == ["AA"] * 4
    assert dict(Order.objects.values_list("placer_number", "state")) == {
        "P1": "cancelled",
        "P2": "active",
        "P3": "active",
    }
    assert list(Record.objects.order_by("pk").values_list("kind", flat=True)) == [
        "OrderPlaced",
        "OrderCancelled",
        "OrderPlaced",
        "OrderPlaced",
    ]
    assert AuditEvent.objects.filter(action="order.place").count() == 3


def test_one_that_is_refused_or_fails_hurts_none_of_its_neighbours(monkeypatch):
    real = processing.apply_message

    def breaking(entry, incoming):
        done = real(entry, incoming)
        if incoming.placer_number == "BROKEN":
            raise ZeroDivisionError
        return done

    monkeypatch.setattr(processing, "apply_message", breaking)
    refused = message(
        msh("ORM^O01"),
        pid("T200"),
        orc(placer="P2"),
        obr("P2", fields={18: "A" * 17}),
    )
    first = order(placer="P1", control_id="ONE")
    rows = take_together(first, refused, order(placer="BROKEN"), first, order(placer="P3"))
    assert [row.state for row in rows] == ["applied", "refused", "failed", "duplicate", "applied"]
    assert sorted(Order.objects.values_list("placer_number", flat=True)) == ["P1", "P3"]
    assert AuditEvent.objects.filter(action="order.place").count() == Record.objects.count() == 2
    assert Alarm.objects.filter(kind=processing.FAILED_ALARM).count() == 1


def test_one_that_is_decided_already_is_left_as_it_is():
    pks = intake.store_messages([intake.Arrival(order(placer=p), "127.0.0.1", NOON) for p in ("P1", "P2")])
    answer = bytes(intake.process_message(pks[0], at=NOON).answer or b"")
    rows = intake.process_batch(pks, at=NOON)
    assert [bytes(rows[pks[0]].answer or b""), rows[pks[1]].state] == [answer, "applied"]
    assert Order.objects.count() == 2


def test_the_outcome_is_told_by_id_in_whatever_order_the_ids_are_given():
    raws = [order(placer=f"P{n}", control_id=f"M{n}") for n in range(4)]
    pks = intake.store_messages([intake.Arrival(raw, "127.0.0.1", NOON) for raw in raws])
    rows = intake.process_batch([pks[n] for n in (2, 0, 3, 1)], at=NOON)
    assert [rows[pk].control_id for pk in pks] == ["M0", "M1", "M2", "M3"]
    assert [row.pk for row in rows.values()] == pks  # applied in the order in which they were stored


def test_what_cannot_be_applied_together_is_applied_one_by_one(monkeypatch):
    def away(message_ids, *, at):
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(intake, "process_batch", away)

    def send(port, number):
        with Client(port) as sender:
            return sender.ask(order(placer=f"P{number}", control_id=f"C{number}"))[1][1]

    with listening() as port, ThreadPoolExecutor(4) as senders:
        assert list(senders.map(lambda n: send(port, n), range(4))) == ["AA"] * 4
    assert Order.objects.count() == 4


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_one_that_must_wait_for_somebody_elses_lock_lets_its_neighbours_pass():
    holding, release = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            lock_name("placer:EMR:HELD")
            holding.set()
            release.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(20)
    try:
        with listening() as port, Client(port) as blocked, Client(port) as other:
            assert other.ask(order(placer="P0"))[1][1] == "AA"  # the sender is known from now on
            blocked.send(order(placer="HELD", control_id="H"))
            another = message(msh("ORM^O01", control_id="P"), pid("T200"), orc(placer="P1"), obr("P1"))
            assert other.ask(another)[1][1:3] == ["AA", "P"]
            assert not Order.objects.filter(placer_number="HELD").exists()
            release.set()
            assert blocked.receive().split(b"\r")[1] == b"MSA|AA|H"
    finally:
        release.set()
        holder.join()
