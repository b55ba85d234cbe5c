"""A resident's case goes to a signer of their own team first, while it has time; and one on call is spared."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ris.audit.services import Actor
from ris.kernel.errors import Conflict
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, TESTER
from tests.worklist.reading import make_item, make_reader, make_shift
from worklist import services
from worklist.models import ReadingItem
from worklist.services.claims.leases import TEAM_FIRST

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def ask(reader: User, minutes: float = 0) -> ReadingItem | None:
    return services.next_case(reader, actor=Actor.of_user(reader), at=NOON + minutes * MINUTE)


def preliminary(**order: object) -> ReadingItem:
    """A case of a resident of the blue team, who has just released a preliminary report."""
    resident = make_reader("resident", role=Role.RESIDENT, team="blue", trainee=True)
    item = make_item(**order)
    services.claim(item.pk, reader=resident, actor=TESTER, at=NOON)
    return services.pass_to_signer(item.pk, reader=resident, actor=TESTER, at=NOON)


def test_a_residents_case_waits_for_a_signer_of_the_team() -> None:
    blue, green = make_reader("blue", team="blue"), make_reader("green", team="green", seniority=30)
    item = preliminary()
    assert item.team_until == NOON + TEAM_FIRST
    assert ask(green) is None
    assert services.suggest_reader(item.pk, at=NOON) == blue.pk
    assert ask(blue) == item


def test_it_waits_no_longer_than_an_hour() -> None:
    make_reader("blue", team="blue")
    green, item = make_reader("green", team="green"), preliminary()
    assert ask(green, 59) is None
    assert ask(green, 61) == item


@pytest.mark.parametrize("team_is", ["not there", "nobody but the resident"])
def test_it_does_not_wait_for_a_team_that_is_not_there(team_is: str) -> None:
    if team_is == "not there":
        make_reader("blue", team="blue", on_shift=False)
    green, item = make_reader("green", team="green"), preliminary()
    assert item.team_until is None
    assert ask(green) == item


def test_what_presses_is_for_every_signer_at_once() -> None:
    make_reader("blue", team="blue")
    green = make_reader("green", team="green")
    item = preliminary(priority="HIGH")  # due in two hours: half of it is gone after one
    assert item.team_until == NOON + 60 * MINUTE
    stat = make_item(priority="STAT")
    ReadingItem.objects.filter(pk=stat.pk).update(due_at=NOON + 20 * MINUTE)
    services.take_over(item.pk, reader=green, reason="pressing", actor=TESTER, at=NOON) if item.reader_id else None
    by_hand = services.claim(item.pk, reader=green, actor=TESTER, at=NOON)
    assert by_hand.reader == green


def test_a_teaching_case_is_not_kept_back_from_whoever_asks_first() -> None:
    other, trainee = make_reader("other"), make_reader("trainee", role=Role.RESIDENT, trainee=True)
    early, teaching = make_item(at=NOON - 60 * MINUTE), make_item(at=NOON - 30 * MINUTE)
    ReadingItem.objects.filter(pk=teaching.pk).update(teaching=True)
    assert ask(trainee) == teaching  # sooner than its turn
    services.release(teaching.pk, reader=trainee, actor=TESTER, at=NOON)
    assert [ask(other), ask(other)] == [early, teaching]  # in its turn, no later


def test_the_minutes_held_at_a_time_are_limited_as_their_number_is() -> None:
    reader = make_reader(most_claims=9, most_minutes=12)
    for _ in range(2):
        services.claim(make_item().pk, reader=reader, actor=TESTER, at=NOON)  # five minutes each
    with pytest.raises(Conflict) as refused:
        services.claim(make_item().pk, reader=reader, actor=TESTER, at=NOON)
    assert refused.value.code == "claims-full"
    assert ask(reader) is None


def test_one_on_call_is_suggested_only_what_nobody_in_house_covers_or_is_urgent() -> None:
    called = make_reader("called", on_shift=False, seniority=30)
    make_shift(called, kind="on-call")
    routine, stat = make_item(), make_item(priority="STAT")
    assert services.suggest_reader(routine.pk, at=NOON) == called.pk  # nobody else is there
    here = make_reader("here")
    assert services.suggest_reader(routine.pk, at=NOON) == here.pk
    assert services.suggest_reader(stat.pk, at=NOON) == called.pk  # the more senior of two equals
