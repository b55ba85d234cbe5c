"""What the clock brings happens at its moment, and offers go to people who are there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories import NOON, TESTER
from tests.worklist.reading import make_item, make_reader
from worklist import services, tasks
from worklist.models import Escalation, Offer, Presence, ReadingItem
from worklist.services.roster import note_seen
from worklist.services.sweep import keep_time, moments_ahead

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def critical() -> ReadingItem:
    item = make_item()
    ReadingItem.objects.filter(pk=item.pk).update(urgency=1)
    return item


def test_the_moments_of_the_next_seconds_are_known_ahead() -> None:
    item = make_item(priority="STAT")
    rung = item.next_rung_at
    assert rung is not None
    assert moments_ahead(rung - 20 * SECOND, 15 * SECOND) == []
    assert rung + SECOND in moments_ahead(rung - 10 * SECOND, 15 * SECOND)


def test_a_rung_is_climbed_at_its_moment() -> None:
    item = make_item(priority="STAT")
    rung = item.next_rung_at
    assert rung is not None
    assert keep_time(at=rung - SECOND) == 0
    assert keep_time(at=rung + SECOND) > 0
    assert Escalation.objects.get(item=item).at == rung
    assert keep_time(at=rung + SECOND) == 0


def test_a_sweep_sets_the_moments_that_come_before_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    item = make_item(priority="STAT")
    rung = item.next_rung_at
    assert rung is not None
    asked: list[object] = []
    monkeypatch.setattr(tasks, "now", lambda: rung - 5 * SECOND)
    monkeypatch.setattr(tasks.keep_time, "apply_async", lambda **options: asked.append(options["eta"]))
    tasks.sweep()  # as a function, where no broker is to be asked
    assert asked == []
    tasks.sweep.push_request(called_directly=False)  # as a worker runs it
    try:
        tasks.sweep.run()
    finally:
        tasks.sweep.pop_request()
    assert asked == [rung + SECOND]


def test_a_critical_case_is_offered_to_somebody_who_has_a_page_open() -> None:
    senior = make_reader("senior", seniority=30)
    junior = make_reader("junior")
    note_seen([junior.pk], NOON)
    made = services.offer_item(critical().pk, at=NOON)
    assert made is not None and made.reader_id == junior.pk
    services.decline_offer(made.pk, reader=junior, reason="in a procedure", actor=TESTER, at=NOON)
    assert Offer.objects.get(outcome=Offer.OPEN).reader_id == senior.pk  # on the roster, though not seen


def test_whoever_was_not_seen_for_two_minutes_is_not_there() -> None:
    senior, junior = make_reader("senior", seniority=30), make_reader("junior")
    note_seen([junior.pk], NOON - timedelta(minutes=3))
    made = services.offer_item(critical().pk, at=NOON)
    assert made is not None and made.reader_id == senior.pk


def test_an_open_page_makes_a_reader_present_but_not_one_who_signed_out() -> None:
    reader = make_reader()
    note_seen([reader.pk], NOON)
    note_seen([reader.pk], NOON + timedelta(minutes=5))
    row = Presence.objects.get(reader=reader)
    assert (row.state, row.last_seen_at) == (Presence.AVAILABLE, NOON + timedelta(minutes=5))
    services.set_presence(reader, Presence.SIGNED_OUT, actor=TESTER, at=NOON + timedelta(minutes=6))
    note_seen([reader.pk], NOON + timedelta(minutes=9))
    assert Presence.objects.get(reader=reader).last_seen_at == NOON + timedelta(minutes=6)
