"""The score's numbers over REST: seen by those who lead, decided by who leads everywhere, felt by the next reader."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.worklist.reading import make_item, make_reader
from worklist.models import ReadingItem, ScorePolicy
from worklist.rules.policy import PRESET, Policy
from worklist.selectors.replay import tuning
from worklist.selectors.rules_in_force import policy_in_force

SCORE = "/api/rules/score/"
BOLD = {"inpatient_head_start": 600}


def client(user: User) -> APIClient:
    made = APIClient()
    made.force_authenticate(user)
    return made


def lead() -> APIClient:
    return client(make_user("lead", Role.LEAD, sites=(SiteFactory(),)))


def proposed() -> int:
    measures = {"breaches %": {"now": 4.0, "then": 3.0, "change": -1.0, "error": 0.2}}
    expected = {"weeks": 4, "cases": 900, "measures": measures}
    return ScorePolicy.objects.create(values=BOLD, expected=expected, made_at=now()).pk


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> None:
    """A house with one past case. What the numbers did to its weeks is set, so that the answer is known."""
    make_reader()
    make_item(at=now() - timedelta(days=3))

    def weekly(past: object, readers: object, numbers: object, policy: Policy, since: float, weeks: int) -> object:
        late = 9.0 if policy == PRESET else 5.0
        return [{"breaches %": late + n, **dict.fromkeys(tuning.MEASURES[1:], 1.0)} for n in range(weeks)]

    monkeypatch.setattr(tuning, "_weekly", weekly)


def lines(response: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


@pytest.mark.django_db
def test_put_in_force_over_rest_it_decides_whom_the_next_reader_gets() -> None:
    who, at = lead(), now()
    reader = client(make_reader(on_shift=False))
    routine, inpatient = make_item(at=at - timedelta(hours=23)), make_item(priority="MEDIUM", at=at)
    assert reader.post("/api/worklist/next/").json()["id"] == routine.pk
    assert reader.post(f"/api/worklist/{routine.pk}/release/").status_code == 200
    row = proposed()
    assert who.get(f"{SCORE}in-force/").json() == {"policy": None, "values": PRESET.kept(), "may_decide": True}
    assert who.post(f"{SCORE}{row}/put-in-force/").json()["state"] == "live"
    assert reader.post("/api/worklist/next/").json()["id"] == inpatient.pk
    assert who.post(f"{SCORE}{row}/put-in-force/").status_code == 409
    assert AuditEvent.objects.get(action="score-policy.in-force").user_id == User.objects.get(username="lead").pk
    assert who.get(f"{SCORE}in-force/").json()["policy"] == row
    assert who.post(f"{SCORE}{row}/retire/").json()["state"] == "retired"
    assert policy_in_force() == PRESET
    assert who.post(f"{SCORE}{row + 1}/retire/").status_code == 404


@pytest.mark.django_db
def test_what_was_expected_stands_beside_what_came() -> None:
    row, at = proposed(), now()
    ScorePolicy.objects.filter(pk=row).update(state="live", in_force_from=at - timedelta(days=10))
    make_reader()
    for finished, urgency in ((1, 2), (9, 5), (30, 2)):  # the last was before these numbers
        item, end = make_item(at=at - timedelta(days=40)), at - timedelta(days=finished)
        ReadingItem.objects.filter(pk=item.pk).update(finished_at=end, due_at=end - timedelta(hours=1), urgency=urgency)
    found = lead().get(f"{SCORE}{row}/").json()
    assert found["values"] == PRESET.kept() | BOLD
    assert found["expected"]["measures"]["breaches %"]["then"] == 3.0
    weeks = [(week["cases"], week["late"], week["stat_late"], week["stat_breaches"]) for week in found["weeks"]]
    assert weeks == [(1, 1, 1, 100.0), (1, 1, 0, 0.0)]


@pytest.mark.django_db
def test_who_leads_at_one_of_two_sites_sees_and_does_not_decide_and_a_reader_does_neither() -> None:
    who, row = lead(), proposed()
    SiteFactory(code="south")
    assert [found["id"] for found in who.get(SCORE, {"state": "proposed"}).json()["results"]] == [row]
    assert who.get(f"{SCORE}in-force/").json()["may_decide"] is False
    reader = client(make_reader())
    for path in ("", f"{row}/", "in-force/"):
        assert reader.get(SCORE + path).status_code == 403, path
    for path in ("", "try/", f"{row}/put-in-force/", f"{row}/retire/"):
        assert who.post(SCORE + path, {"values": BOLD}).status_code == 403, path
        assert reader.post(SCORE + path, {"values": BOLD}).status_code == 403, path
    assert (ScorePolicy.objects.get().state, policy_in_force()) == ("proposed", PRESET)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body,at",
    [
        ({"values": {"speed": 1}}, "speed"),
        ({"values": {"too_late": 1e9}}, "too_late"),
        ({"values": {"ai_due": "60"}}, "ai_due"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_anything_runs(body: dict[str, Any], at: str) -> None:
    refused = lead().post(f"{SCORE}try/", body, format="json")
    assert (refused.status_code, refused.json()["at"]) == (400, at)


@pytest.mark.django_db(transaction=True)
def test_numbers_are_tried_on_the_own_weeks_and_proposed_with_what_is_expected(past: None) -> None:
    who, body = lead(), {"values": BOLD, "weeks": 3, "note": "more for the wards"}
    tried = lines(who.post(f"{SCORE}try/", body, format="json"))
    change = tried[-1]["result"]["measures"]["breaches %"]
    assert (tried[0], change) == ({"progress": 0.2}, {"now": 10.0, "then": 6.0, "change": -4.0, "error": 0.0})
    assert not ScorePolicy.objects.exists()
    kept = lines(who.post(SCORE, body, format="json"))[-1]["result"]
    row = ScorePolicy.objects.get()
    assert (kept["id"], kept["state"], kept["note"]) == (row.pk, "proposed", "more for the wards")
    assert (kept["expected"], kept["values"]) == (tried[-1]["result"], PRESET.kept() | BOLD)
    assert policy_in_force() == PRESET
    assert AuditEvent.objects.get(action="score-policy.propose").user_id == row.made_by_id
    ReadingItem.objects.update(opened_at=now() - timedelta(days=90))
    assert lines(who.post(SCORE, body, format="json")) == [
        {"refused": "No case was opened in these weeks.", "at": "weeks", "code": "invalid"}
    ]
    assert ScorePolicy.objects.count() == 1
