"""What the worklist does when something happened to orders and exams."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ris.kernel.relay import deliver_owed
from ris.orders.intents import Code, OrderIntent, ProcedureIntent
from ris.orders.services import cancel_order, revise_order
from tests.factories import NOON, TESTER, make_order, perform
from tests.worklist.reading import make_reader
from worklist.models import Decision, ReadingItem

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


def deliver() -> None:
    assert deliver_owed(at=LATER + timedelta(hours=5)) >= 0


def test_a_completed_exam_is_opened_priced_and_suggested() -> None:
    reader = make_reader()
    procedure = make_order(priority="STAT").procedures.get()
    perform(procedure, minutes=10)
    deliver()
    item = ReadingItem.objects.get(procedure=procedure)
    assert (item.state, item.urgency, item.subspecialty.code) == ("unread", 2, "neuro")
    assert item.opened_at == NOON + timedelta(minutes=10)
    assert item.due_at == item.opened_at + timedelta(minutes=60)
    assert item.assigned_to == reader
    assert [d.kind for d in Decision.objects.order_by("pk")] == ["opened", "assigned"]


def test_nothing_is_opened_before_the_exam_is_done() -> None:
    perform(make_order().procedures.get(), complete=False)
    deliver()
    assert not ReadingItem.objects.exists()


def test_a_change_of_priority_moves_the_item() -> None:
    order = make_order()
    perform(order.procedures.get())
    deliver()
    before = ReadingItem.objects.get()
    intent = OrderIntent(
        site_id=order.site_id,
        patient_id=order.patient_id,
        source="test",
        priority="STAT",
        procedures=(ProcedureIntent(code=Code("CTHEADWO", system="L"), number=order.procedures.get().number),),
    )
    revise_order(order.pk, intent, actor=TESTER, at=LATER)
    deliver()
    after = ReadingItem.objects.get()
    assert (before.urgency, after.urgency) == (5, 2)
    assert after.due_at < before.due_at
    assert after.rank > before.rank


def test_a_cancelled_order_leaves_the_list() -> None:
    order = make_order()
    perform(order.procedures.get(), complete=False)
    from worklist.services import open_item

    item = open_item(order.procedures.get().pk, at=NOON)
    from ris.orders.events import OrderCancelled
    from worklist.subscribers import cancel_with_order

    cancel_with_order(OrderCancelled(stream=order.accession, at=LATER, order_id=order.pk))
    cancel_with_order(OrderCancelled(stream=order.accession, at=LATER, order_id=order.pk))
    assert item.reread().state == "cancelled"


def test_cancelling_through_the_service_does_so_too() -> None:
    order = make_order()
    cancel_order(order.pk, reason="not needed", actor=TESTER, at=LATER)
    deliver()
    assert not ReadingItem.objects.exists()
