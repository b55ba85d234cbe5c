"""When the SLA clock begins: at the event that a site chose for a class and modality."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ris.kernel.relay import deliver_owed
from ris.orders.services import note_images
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_user
from tests.worklist.reading import make_item, make_reader
from worklist import services
from worklist.models import ClockStart, ReadingItem
from worklist.selectors.explain import explain
from worklist.services.sweep import sweep_all

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
ORDERED, DONE = NOON - 30 * MINUTE, NOON - 10 * MINUTE
"""When tests.worklist.reading.make_item places its order, and ends its exam."""


def starts(event: str, **where: object) -> None:
    ClockStart.objects.create(event=event, **where)


def told(item: ReadingItem, at: datetime = NOON) -> dict[str, Any]:
    viewer = User.objects.filter(username="lead").first() or make_user("lead", Role.LEAD, sites=(item.site,))
    clock: dict[str, Any] = explain(item, at, viewer=viewer)["priced"]["clock"]
    return clock


def began(item: ReadingItem, at: datetime = NOON) -> tuple[str, datetime, bool]:
    clock = told(item, at)
    return clock["event"], clock["began"], clock["known"]


def test_without_a_choice_it_begins_when_the_case_is_opened() -> None:
    item = make_item(priority="STAT")
    assert item.due_at == NOON + 60 * MINUTE
    assert began(item) == ("opened", NOON, True)


@pytest.mark.parametrize(("event", "moment"), [("ordered", ORDERED), ("completed", DONE), ("opened", NOON)])
def test_it_begins_at_the_chosen_event(event: str, moment: datetime) -> None:
    starts(event)
    item = make_item(priority="STAT")
    assert item.due_at == moment + 60 * MINUTE
    assert began(item) == (event, moment, True)


def test_until_the_images_are_whole_the_opening_counts_and_then_they_do() -> None:
    starts("complete images")
    item = make_item(priority="STAT")
    assert began(item) == ("complete images", NOON, False)
    whole = NOON + 25 * MINUTE
    note_images(item.procedure.study_uid, instances=9, complete=True, actor=TESTER, at=whole)
    deliver_owed(at=whole)
    assert item.reread().due_at == whole + 60 * MINUTE
    assert began(item, whole) == ("complete images", whole, True)


def test_the_most_specific_choice_counts() -> None:
    site = SiteFactory()
    starts("ordered")
    starts("completed", urgency=2)
    assert make_item(priority="STAT").due_at == DONE + 60 * MINUTE
    assert make_item().due_at == ORDERED + timedelta(days=1)
    starts("opened", site=site)
    starts("ordered", site=site, modality="MR")
    assert make_item(priority="STAT").due_at == NOON + 60 * MINUTE
    starts("ordered", site=site, urgency=2, modality="CT")
    assert make_item(priority="STAT").due_at == ORDERED + 60 * MINUTE


def test_a_case_that_changes_class_takes_the_clock_of_its_new_class() -> None:
    starts("ordered", urgency=2)
    item = make_item()
    services.set_priority(item.pk, "STAT", reason="called by the ward", actor=TESTER, at=NOON + 5 * MINUTE)
    assert item.reread().due_at == ORDERED + 60 * MINUTE


@pytest.mark.parametrize("event", ["ordered", "completed", "opened"])
def test_pauses_hold_whatever_started_the_clock_and_explain_says_for_how_long(event: str) -> None:
    starts(event)
    reader, item = make_reader(), make_item(priority="STAT")
    services.claim(item.pk, reader=reader, actor=TESTER, at=NOON)
    services.pause_clock(item.pk, reason="waiting for a call back", actor=TESTER, at=NOON + 5 * MINUTE)
    assert sweep_all(at=NOON + 9 * MINUTE)["climbed"] == 0
    services.resume_clock(item.pk, actor=TESTER, at=NOON + 9 * MINUTE)
    assert item.reread().due_at == {"ordered": ORDERED, "completed": DONE, "opened": NOON}[event] + 64 * MINUTE
    assert told(item, NOON + 10 * MINUTE)["paused"] == 4.0
