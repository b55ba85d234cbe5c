"""A state changes by one guarded UPDATE: of those who race, one wins."""

from __future__ import annotations

import pytest

from ris.kernel.errors import Conflict, NotFound
from ris.orders import states
from ris.orders.models import Order, ScheduledStep
from tests.factories import NOON, make_order
from tests.racing import race


@pytest.mark.django_db
def test_a_step_taken_writes_the_state_the_changes_and_a_new_version() -> None:
    step = make_order().procedures.get().steps.get()
    after = ScheduledStep.objects.take(states.ARRIVE, step.pk, arrived_at=NOON)
    assert (after.state, after.arrived_at, after.version) == (states.ARRIVED, NOON, step.version + 1)


@pytest.mark.django_db
def test_a_step_from_the_wrong_state_is_a_conflict_and_changes_nothing() -> None:
    step = make_order().procedures.get().steps.get()
    ScheduledStep.objects.take(states.START, step.pk)
    with pytest.raises(Conflict, match=r"Cannot arrive.*started"):
        ScheduledStep.objects.take(states.ARRIVE, step.pk, arrived_at=NOON)
    assert step.reread().arrived_at is None


@pytest.mark.django_db
def test_a_guard_on_the_caller_is_part_of_the_update() -> None:
    order = make_order()
    with pytest.raises(Conflict, match="not yours"):
        Order.objects.filter(source="somebody else").take(states.CANCEL, order.pk)
    assert order.reread().state == states.ACTIVE


@pytest.mark.django_db
def test_a_row_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound, match="no such order"):
        Order.objects.take(states.CANCEL, 1)


@pytest.mark.django_db(transaction=True)
def test_of_64_who_race_one_wins() -> None:
    order = make_order()
    outcomes = race(64, lambda _: Order.objects.take(states.CANCEL, order.pk).state)
    assert [o for o in outcomes if not isinstance(o, Conflict)] == [states.CANCELLED]
    assert order.reread().version == 2
