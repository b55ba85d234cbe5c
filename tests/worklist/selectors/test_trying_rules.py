"""Try it: a draft of the rules on a period of the past, without touching anything."""

from __future__ import annotations

import asyncio
import json
from datetime import time, timedelta
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from ris.audit.services import Actor
from ris.kernel.errors import Invalid
from ris.orders.models import Order
from ris.patients.models import Visit
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.worklist.reading import make_item, make_reader, make_shift
from worklist import services
from worklist.api.trials import Trial, _Gone
from worklist.models import ClockPause, Decision, ReadingItem
from worklist.rules.language.parser import parse
from worklist.rules.policy import PRESET
from worklist.selectors.replay.comparison import replay
from worklist.selectors.replay.past import past_cases, readers_of_period
from worklist.selectors.replay.player import as_it_was, play

DAY = timedelta(days=1)
URGENT = [{"name": "old people first", "when": {"age": {"at least": 65}}, "then": {"class": "stat", "sla": 30}}]


def tried(rules: list[Any], **period: Any) -> dict[str, Any]:
    said = {"sites": [SiteFactory().pk], "since": NOON - DAY, "until": NOON + DAY}
    return replay(parse(rules), **(said | period))


@pytest.mark.django_db
def test_the_same_rules_change_nothing() -> None:
    make_reader()
    for n in range(5):
        make_item(at=NOON + n * timedelta(minutes=3))
    found = tried([])
    assert (found["cases"], found["changed"]) == (5, [])
    assert found["before"] == found["after"]
    assert found["before"]["read"] == 5


@pytest.mark.django_db
def test_a_draft_says_which_cases_it_would_have_treated_differently_and_leaves_them_alone() -> None:
    make_reader()
    items = [make_item(at=NOON + n * timedelta(minutes=1)) for n in range(4)]
    rows, decisions = list(ReadingItem.objects.values()), Decision.objects.count()
    seen: list[float] = []
    found = tried(URGENT, progress=seen.append)
    assert {row["item"] for row in found["changed"]} == {item.pk for item in items}
    assert found["changed"][0]["before"]["urgency"] == 5
    assert found["changed"][0]["after"] == {"urgency": 2, "sla": 30, "pool": items[0].pool, "points": 0.0, "reach": 0}
    assert found["after"]["by_class"][2]["cases"] == 4
    assert seen == sorted(seen) and seen[-1] == 1.0
    assert list(ReadingItem.objects.values()) == rows
    assert Decision.objects.count() == decisions


@pytest.mark.django_db
def test_an_empty_or_endless_period_is_refused() -> None:
    with pytest.raises(Invalid):
        tried(URGENT)
    with pytest.raises(Invalid):
        tried(URGENT, until=NOON + 100 * DAY)


@pytest.mark.django_db(transaction=True)
def test_over_rest_it_tells_its_progress_and_then_the_result() -> None:
    make_reader()
    make_item()
    lead = APIClient()
    lead.force_authenticate(make_user("lead", Role.LEAD, sites=(SiteFactory(),)))
    body = {"rules": URGENT, "since": (NOON - DAY).isoformat(), "until": (NOON + DAY).isoformat()}
    response = lead.post("/api/rules/try/", body)
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert lines[0] == {"progress": 0.2}
    assert lines[-1]["result"]["cases"] == 1
    reader = APIClient()
    reader.force_authenticate(make_reader("plain"))
    assert reader.post("/api/rules/try/", body).status_code == 403


@pytest.mark.django_db
def test_an_ai_result_comes_again_when_it_came() -> None:
    make_reader()
    items = [make_item(at=NOON + n * timedelta(seconds=1)) for n in range(4)]
    services.note_ai_result(
        items[3].pk, vendor="v", code="ICH", positive=True, result_at=NOON, actor=Actor.job("t"), at=NOON + DAY / 1440
    )
    found = tried([{"name": "AI", "when": {"ai_positive": True}, "then": {"class": "critical", "sla": 20}}])
    (changed,) = found["changed"]
    assert changed["item"] == items[3].pk
    assert (changed["before"]["urgency"], changed["after"]["urgency"]) == (5, 1)
    assert found["before"]["tat_median"] == found["after"]["tat_median"]  # it was raised in both


@pytest.mark.django_db
def test_a_case_whose_clock_stood_still_was_nobody_s_to_read_then() -> None:
    make_reader()
    make_item(at=NOON)
    held = make_item(at=NOON + timedelta(seconds=1))
    ClockPause.objects.create(item=held, reason="priors", since=NOON + DAY / 1440, until=NOON + 2 * DAY / 24)
    found = tried([])
    assert found["before"]["tat_p90"] >= 120
    assert found["changed"] == []


@pytest.mark.django_db
def test_a_parked_case_was_nobody_s_to_read_until_it_came_back() -> None:
    reader = make_reader()
    make_item(at=NOON)
    parked = make_item(at=NOON + timedelta(seconds=1))
    until = NOON + timedelta(hours=3)
    parties = {"reader": reader, "actor": Actor.job("t")}
    services.park(parked.pk, until=until, reason="priors", at=NOON + timedelta(minutes=1), **parties)
    services.resume(parked.pk, at=until, **parties)
    found = tried([])
    assert 179 <= found["before"]["tat_p90"] <= 200
    assert found["changed"] == []


@pytest.mark.django_db
def test_a_case_that_was_reserved_waits_for_its_reader_and_a_draft_can_reserve() -> None:
    make_reader("early")
    late = make_reader("late", on_shift=False)
    make_shift(late, start_time=time(15))
    ReadingItem.objects.filter(pk=make_item().pk).update(reserved_for=late)
    assert tried([])["before"]["tat_median"] >= 180
    make_item(at=NOON + timedelta(seconds=1))
    found = tried([{"name": "theirs", "when": {"modality": "CT"}, "then": {"reserve": "late"}}])
    assert found["after"]["tat_p90"] >= 180
    assert len(found["changed"]) == 1


@pytest.mark.django_db(transaction=True)
def test_under_asgi_progress_is_told_while_it_runs_and_a_reader_who_goes_ends_it() -> None:
    make_reader()
    make_item()
    trial = Trial(partial(tried, URGENT))

    async def read() -> list[dict[str, Any]]:
        return [json.loads(line) async for line in trial.told()]

    lines = asyncio.run(read())
    assert lines[0] == {"progress": 0.2}
    assert lines[-1]["result"]["cases"] == 1
    with pytest.raises(_Gone):
        trial._progress(1.0)


@pytest.mark.django_db
def test_linked_exams_are_read_by_one_reader_in_a_replay_too() -> None:
    for name in ("one", "other"):
        make_shift(make_reader(name, on_shift=False), start_time=time(15))
    first = make_item()
    patient = first.procedure.order.patient
    visit = Visit.objects.create(patient=patient, site=SiteFactory(), number="V1", patient_class="O")
    others = [make_item(patient=patient, at=NOON + n * timedelta(minutes=1)) for n in (1, 2)]
    for linked in (True, False):
        orders = [item.procedure.order_id for item in (first, *others)]
        Order.objects.filter(pk__in=orders).update(visit=visit if linked else None)
        readers, numbers = readers_of_period(NOON - DAY, NOON + DAY)
        past = past_cases([SiteFactory().pk], NOON - DAY, NOON + DAY)
        jobs = play([as_it_was(case, numbers, PRESET) for case in past], readers, PRESET)
        assert len({job.reader for job in jobs}) == (1 if linked else 2)
        assert all(job.finish > 0 for job in jobs)
