"""Deadlocks, and somebody who decides the same message at the same time: the outcome is told, or tried again later."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from interfaces.hl7.inbound import intake, processing
from ris.orders.models import Order
from tests.interfaces.hl7.hl7 import NOON, order

pytestmark = pytest.mark.django_db(transaction=True)

DEADLOCK = OperationalError("deadlock detected")


@pytest.fixture
def stored(transactional_db, hospital):
    (message_id,) = intake.store_messages([intake.Arrival(order(placer="P1"), "127.0.0.1", NOON)])
    return message_id


@pytest.fixture
def trouble(monkeypatch):
    """Raise these errors, one at each attempt; then decide."""
    real = processing.process_row

    def script(*errors):
        coming = iter(errors)

        def decide(row, at):
            error = next(coming, None)
            if error is not None:
                raise error
            return real(row, at)

        monkeypatch.setattr(processing, "process_row", decide)

    return script


@pytest.mark.parametrize("deadlocks", range(3))
def test_who_comes_second_gets_the_outcome_of_the_first_after_however_many_deadlocks(stored, trouble, deadlocks):
    first = intake.process_message(stored, at=NOON)
    trouble(*[DEADLOCK] * deadlocks, processing.DecidedMeanwhile())
    second = intake.process_message(stored, at=NOON)
    assert (second.pk, second.state, bytes(second.answer)) == (stored, "applied", bytes(first.answer))
    assert Order.objects.count() == 1


def test_two_deadlocks_are_borne(stored, trouble):
    trouble(DEADLOCK, DEADLOCK)
    assert intake.process_message(stored, at=NOON).answer_code == "AA"
    assert Order.objects.get().placer_number == "P1"


def test_the_third_deadlock_leaves_the_message_for_a_later_look(stored, trouble):
    trouble(DEADLOCK, DEADLOCK, DEADLOCK)
    with pytest.raises(OperationalError):
        intake.process_message(stored, at=NOON)
    assert intake.process_message(stored, at=NOON).answer_code == "AA"
