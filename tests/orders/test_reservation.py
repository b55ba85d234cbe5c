"""Never two on one table: people who race for a time, and the database's own word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from ris.kernel.errors import Conflict
from ris.orders.intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ris.orders.models import Order, ScheduledStep
from ris.orders.services import book_order, hold_order, place_order, reschedule_step, start_by_hand, undo_start
from tests.factories import TESTER, DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory
from tests.racing import race

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TEN = datetime(2026, 3, 11, 15, 0, tzinfo=UTC)  # ten o'clock in Chicago

OVERLAPS = """
SELECT count(*) FROM orders_scheduledstep a JOIN orders_scheduledstep b ON a.device_id = b.device_id AND a.id < b.id
WHERE a.reserved_until > b.start AND b.reserved_until > a.start
"""


def intent(start: datetime, patient_id: int, priority: str = "ROUTINE") -> OrderIntent:
    step = StepIntent(start=start, station_aes=("CT1",))
    procedure = ProcedureIntent(code=Code("CTHEADWO", "CT head", "L"), steps=(step,))
    return OrderIntent(
        site_id=SiteFactory().pk, patient_id=patient_id, source="desk", procedures=(procedure,), priority=priority
    )


def book(start: datetime = TEN, patient_id: int | None = None, **said: object) -> ScheduledStep:
    ProcedureFactory()
    DeviceFactory()
    said = {"confirmed": False, "actor": TESTER, "at": AT, **said}
    order = book_order(intent(start, patient_id or PatientFactory().pk), **said)
    return ScheduledStep.objects.get(procedure__order=order)


def count_overlaps() -> int:
    with connection.cursor() as cursor:
        cursor.execute(OVERLAPS)
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_of_sixty_four_who_race_for_eight_times_eight_have_one() -> None:
    ProcedureFactory()
    DeviceFactory()
    patients = [PatientFactory().pk for _ in range(64)]
    starts = [TEN + timedelta(minutes=15 * (runner % 8)) for runner in range(64)]
    outcomes = race(64, lambda n: book_order(intent(starts[n], patients[n]), confirmed=True, actor=TESTER, at=AT))
    booked = [outcome for outcome in outcomes if isinstance(outcome, Order)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Conflict) and outcome.code == "taken"]
    assert (len(booked), len(refused), count_overlaps()) == (8, 56, 0)


@pytest.mark.django_db
def test_the_database_itself_refuses_who_asks_nobody() -> None:
    first = book()
    second = book(TEN + timedelta(minutes=15))  # the end of one is the beginning of the next
    assert first.reserved_until == second.start
    row = ScheduledStep.objects.filter(pk=second.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.update(start=TEN + timedelta(minutes=14))
    with pytest.raises(IntegrityError), transaction.atomic():
        ScheduledStep.objects.create(
            procedure=first.procedure, number="X", modality="CT", state="scheduled", device=first.device,
            start=TEN - timedelta(minutes=5), reserved_until=TEN + timedelta(minutes=1),
        )  # fmt: skip
    row.update(start=TEN + timedelta(minutes=15), reserved_until=TEN + timedelta(hours=1))  # under itself


@pytest.mark.django_db
def test_only_who_says_why_is_booked_over_another() -> None:
    book()
    with pytest.raises(Conflict, match="CT1 is taken") as refusal:
        book(confirmed=True)
    assert refusal.value.code == "taken"
    over = book(confirmed=True, overbook_reason="ZZTEST ward asks")
    assert (over.overbooked, over.reserved_until) == ("ZZTEST ward asks", None)
    assert count_overlaps() == 0
    with pytest.raises(Conflict, match="The patient is expected at CT1") as asked:
        DeviceFactory(ae_title="CT2")
        other = StepIntent(start=TEN, station_aes=("CT2",))
        elsewhere = (ProcedureIntent(code=Code("OTHER"), modality="CT", steps=(other,)),)
        plan = replace(intent(TEN, over.procedure.order.patient_id), procedures=elsewhere)
        book_order(plan, confirmed=False, actor=TESTER, at=AT)
    assert asked.value.code == "booking"


@pytest.mark.django_db
def test_what_another_system_books_stands_and_reserves_nothing() -> None:
    mine = book()
    theirs = place_order(intent(TEN, PatientFactory().pk), actor=TESTER, at=AT)
    step = ScheduledStep.objects.get(procedure__order=theirs)
    assert step.reserved_until is None
    later = TEN + timedelta(hours=1)
    assert reschedule_step(mine.pk, start=later, device_id=mine.device_id, actor=TESTER, at=AT).reserved_until is None


@pytest.mark.django_db
def test_time_is_free_again_when_the_step_does_not_wait_any_more() -> None:
    held = book()
    hold_order(held.procedure.order_id, reason="ZZTEST", actor=TESTER, at=AT)
    begun = book()
    start_by_hand(begun.pk, actor=TESTER, at=AT)
    assert begun.reread().reserved_until is None
    with pytest.raises(Conflict, match="taken"):
        book()
    undo_start(begun.pk, actor=TESTER, at=AT)
    with pytest.raises(Conflict, match="taken"):
        book()
