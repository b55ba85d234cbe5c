"""What all queues promise: due times, delays, claims that end."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ris.kernel.queue import Backoff
from tests.factories import NOON
from tests.worklist.reading import make_item
from worklist.models import Escalation, EscalationMessage
from worklist.services.escalation_messages import QUEUE

BACKOFF = Backoff(first_s=1, longest_s=60)


@given(st.integers(min_value=0, max_value=2**31))
def test_delays_grow_to_the_longest_and_no_further_however_often_it_failed(failures: int) -> None:
    delay_s = BACKOFF.delay(failures).total_seconds()
    assert 1 <= delay_s <= 60
    assert delay_s <= BACKOFF.delay(failures + 1).total_seconds()


@given(st.timedeltas(min_value=-timedelta(days=400), max_value=timedelta(days=400)), st.integers(1, 100))
def test_no_clock_however_wrong_it_was_delays_a_try_longer_than_the_longest_delay(
    off: timedelta, failures: int
) -> None:
    retry_at = NOON + off + BACKOFF.delay(failures)
    assert BACKOFF.is_due(retry_at, NOON + timedelta(seconds=60)) or BACKOFF.is_due(retry_at, NOON)


def owed(due_at: datetime) -> EscalationMessage:
    escalation = Escalation.objects.create(item=make_item(), rung=1, at=NOON)
    return EscalationMessage.objects.create(
        escalation=escalation, way="email", address="a@b.example", due_at=due_at, state=EscalationMessage.OWED
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("due_s", "is_due"), [(-1, True), (0, True), (1, False), (600, False), (601, True)])
def test_a_row_waits_for_its_time_but_not_for_one_that_no_right_clock_wrote(due_s: int, is_due: bool) -> None:
    row = owed(NOON + timedelta(seconds=due_s))
    assert QUEUE.due(NOON).exists() == is_due
    assert QUEUE.claim(row, NOON) == is_due


@pytest.mark.django_db
def test_a_worker_whose_claim_was_lost_changes_nothing() -> None:
    slow = owed(NOON)
    assert QUEUE.claim(slow, NOON)
    second = EscalationMessage.objects.get()
    assert not QUEUE.claim(second, NOON)
    assert QUEUE.claim(second, NOON + QUEUE.claim_timeout)
    assert not QUEUE.complete(slow, sent_at=NOON)
    QUEUE.postpone(slow, "too late", subject="x", at=NOON)
    row = EscalationMessage.objects.get()
    assert (row.state, row.error, row.attempts) == (EscalationMessage.OWED, "", 2)
    assert QUEUE.complete(second, sent_at=NOON)
    assert EscalationMessage.objects.get().state == EscalationMessage.SENT
