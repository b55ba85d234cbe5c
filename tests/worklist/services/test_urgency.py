"""What changes how urgent a case is, and what time does to it: each once, each explained."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.models import Alarm, Record
from ris.kernel.relay import deliver_owed
from tests.factories import NOON, TESTER
from tests.racing import race
from tests.worklist.reading import make_item, make_many, make_reader
from worklist import services
from worklist.models import AiPerformance, Decision, Escalation, Offer, ReadingItem
from worklist.rules.score import score
from worklist.selectors.explain import explain
from worklist.services.assignment import lapse_due
from worklist.services.sweep import sweep_all
from worklist.services.urgency.item_price import case_of
from worklist.services.urgency.updates import expire_ai

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def ai(item: ReadingItem, *, positive: bool = True, at: datetime = NOON, code: str = "ICH") -> None:
    services.note_ai_result(item.pk, vendor="ACME", code=code, positive=positive, result_at=at, actor=TESTER, at=at)


def test_a_positive_finding_brings_a_case_forward_by_what_it_is_worth() -> None:
    AiPerformance.objects.create(vendor="ACME", code="ICH", ppv=0.6)
    item = make_item()
    before = score(case_of(item), NOON)
    ai(item)
    item.reread()
    assert item.due_at == NOON + 30 * MINUTE
    assert item.weight == 499.0  # due in 30 minutes, it is read as a STAT case that is due in 70
    assert score(case_of(item), NOON) > before + 2
    assert Decision.objects.filter(item=item, kind="rescored").get().body["ai"] == "ICH"


def test_a_negative_finding_changes_nothing() -> None:
    item = make_item(priority="STAT")
    before = (item.urgency, item.due_at, item.weight, item.rank)
    ai(item, positive=False)
    item.reread()
    assert (item.urgency, item.due_at, item.weight, item.rank) == before


def test_a_weak_late_finding_never_makes_a_case_less_urgent() -> None:
    item = make_item(priority="STAT")
    ai(item, at=NOON + 50 * MINUTE)
    item.reread()
    assert item.due_at == NOON + 60 * MINUTE
    assert item.weight >= 10.0


def test_the_value_of_a_finding_is_that_of_the_site_and_class_where_it_is_known() -> None:
    item = make_item()
    AiPerformance.objects.create(vendor="ACME", code="ICH", ppv=0.1)
    AiPerformance.objects.create(vendor="ACME", code="ICH", ppv=0.5, site=item.site)
    ai(item)
    assert item.ai_flags.get().ppv == 0.5


def test_a_finding_expires() -> None:
    item = make_item()
    ai(item)
    assert expire_ai(NOON + timedelta(hours=11)) == 0
    assert expire_ai(NOON + timedelta(hours=12)) == 1
    assert expire_ai(NOON + timedelta(hours=12)) == 0
    assert item.reread().due_at == NOON + timedelta(days=1)


def test_the_same_finding_twice_is_one() -> None:
    item = make_item()
    ai(item)
    ai(item)
    assert item.ai_flags.count() == 1


def test_a_waiting_patient_and_a_changed_priority_move_the_case() -> None:
    item = make_item()
    assert services.set_mark(item.pk, "patient waiting", on=True, actor=TESTER, at=NOON).urgency == 3
    assert services.set_mark(item.pk, "patient waiting", on=False, actor=TESTER, at=NOON).urgency == 5
    stat = services.set_priority(item.pk, "STAT", reason="called by the ward", actor=TESTER, at=NOON)
    assert (stat.urgency, stat.procedure.order.priority) == (2, "STAT")
    with pytest.raises(Invalid):
        services.set_priority(item.pk, "STAT", reason="", actor=TESTER, at=NOON)


def test_the_clock_stands_still_while_it_is_paused_and_the_due_time_moves_by_as_much() -> None:
    reader, item = make_reader(), make_item(priority="STAT")
    services.claim(item.pk, reader=reader, actor=TESTER, at=NOON)
    services.pause_clock(item.pk, reason="waiting for a call back", actor=TESTER, at=NOON + 10 * MINUTE)
    with pytest.raises(Conflict):
        services.pause_clock(item.pk, reason="again", actor=TESTER, at=NOON + 11 * MINUTE)
    services.extend_lease(item.pk, reader=reader, at=NOON + 80 * MINUTE)
    assert sweep_all(at=NOON + 80 * MINUTE)["climbed"] == 0
    assert services.resume_clock(item.pk, actor=TESTER, at=NOON + 100 * MINUTE)
    assert item.reread().due_at == NOON + 150 * MINUTE


def test_a_case_that_goes_back_takes_its_clock_along() -> None:
    reader, item = make_reader(), make_item(priority="STAT")
    services.claim(item.pk, reader=reader, actor=TESTER, at=NOON)
    until = NOON + 60 * MINUTE
    services.park(item.pk, reader=reader, until=until, reason="priors", stop_clock=True, actor=TESTER, at=NOON)
    services.resume(item.pk, actor=TESTER, at=until)
    assert item.reread().due_at == NOON + 120 * MINUTE


def test_the_ladder_is_climbed_rung_by_rung_at_the_right_moments() -> None:
    item = make_item(priority="STAT")
    for minute, rungs in ((29, 0), (30, 1), (45, 2), (54, 3), (60, 4), (90, 4)):
        sweep_all(at=NOON + minute * MINUTE)
        assert item.reread().rung == rungs, minute
    assert [e.at for e in Escalation.objects.order_by("rung")] == [NOON + m * MINUTE for m in (30, 45, 54, 60)]
    assert Record.objects.filter(kind="ItemEscalated").count() == 4
    assert Alarm.objects.filter(kind="sla-breach", cleared_at=None).count() == 1


def test_after_a_stop_of_the_beat_the_missed_rungs_are_climbed_one_by_one() -> None:
    make_item(priority="STAT")
    assert sweep_all(at=NOON + timedelta(hours=3))["climbed"] == 4
    assert sweep_all(at=NOON + timedelta(hours=3))["climbed"] == 0


@pytest.mark.django_db(transaction=True)
def test_however_many_sweep_at_once_each_rung_is_climbed_once() -> None:
    items = make_many(10)
    outcomes = race(6, lambda n: sweep_all(at=NOON + timedelta(days=2)))
    assert all(isinstance(o, dict) for o in outcomes), outcomes
    assert sum(o["climbed"] for o in outcomes) == Escalation.objects.count() == 4 * len(items)


def test_work_that_nobody_covers_widens_by_itself() -> None:
    outsider = make_reader("outsider", skills=("chest",))
    urgent, routine = make_item(priority="STAT"), make_item()
    assert sweep_all(at=NOON + MINUTE)["widened"] == 1
    assert services.next_case(outsider, actor=TESTER, at=NOON + MINUTE) == urgent
    assert sweep_all(at=NOON + timedelta(hours=3, minutes=59))["widened"] == 0
    assert sweep_all(at=NOON + timedelta(hours=4))["widened"] == 1
    assert routine.reread().lane == 2


def critical() -> ReadingItem:
    item = make_item(priority="STAT")
    ReadingItem.objects.filter(pk=item.pk).update(urgency=1)
    return item.reread()


def test_the_most_urgent_case_is_offered_to_one_reader_after_another() -> None:
    one, two, item = make_reader("one"), make_reader("two", seniority=9), critical()
    first = services.offer_item(item.pk, at=NOON)
    assert first is not None and first.reader == two  # the more senior, all else equal
    assert services.offer_item(item.pk, at=NOON) is None
    assert services.next_case(one, actor=TESTER, at=NOON) is None
    assert lapse_due(NOON + timedelta(seconds=59)) == 0
    assert lapse_due(NOON + timedelta(seconds=60)) == 1
    second = Offer.objects.get(outcome="open")
    assert second.reader == one
    taken = services.accept_offer(second.pk, reader=one, actor=TESTER, at=NOON + 2 * MINUTE)
    assert (taken.reader, taken.reserved_for) == (one, None)
    with pytest.raises(Conflict):
        services.accept_offer(first.pk, reader=two, actor=TESTER, at=NOON + 2 * MINUTE)


def test_declining_an_offer_asks_the_next_and_alarms_when_nobody_is_left() -> None:
    one, item = make_reader("one"), critical()
    made = services.offer_item(item.pk, at=NOON)
    assert made is not None
    assert services.decline_offer(made.pk, reader=one, reason="in a procedure", actor=TESTER, at=NOON) is None
    assert Alarm.objects.filter(kind="offer-unanswered").count() == 1
    assert item.reread().reserved_for is None


def test_who_picks_an_offered_case_by_hand_is_quicker() -> None:
    make_reader("one", seniority=9)
    two, item = make_reader("two"), critical()
    services.offer_item(item.pk, at=NOON)
    assert services.claim(item.pk, reader=two, actor=TESTER, at=NOON).reader == two
    assert Offer.objects.get().outcome == "lapsed"


def test_a_case_explains_itself_as_of_any_moment() -> None:
    reader = make_reader("here")
    make_reader("elsewhere", skills=("chest",))
    item = make_item()
    deliver_owed(at=NOON)
    services.set_priority(item.pk, "STAT", reason="ward", actor=Actor.job("t"), at=NOON + 30 * MINUTE)
    early, late = explain(item, NOON + 10 * MINUTE, viewer=reader), explain(item, NOON + 40 * MINUTE, viewer=reader)
    assert (early["priced"]["urgency"], late["priced"]["urgency"]) == (5, 2)
    assert early["priced"]["score"] == pytest.approx(sum(early["priced"]["terms"].values()), abs=1e-3)
    assert early["assigned"]["reader"] == reader.pk
    assert [row["by"] for row in early["assigned"]["ruled_out"]] == [["skill"]]
    assert early["assigned"]["candidates"][0]["order"]["primary skill"] == 1.0
    assert explain(item, NOON - MINUTE, viewer=reader)["priced"] is None
    assert late["history"][-1]["changes"]["priority"] == ["ROUTINE", "STAT"]
