"""The score's numbers are tuned on a house's own past, proposed, and count only once somebody put them in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from ris.kernel.errors import Conflict, Invalid
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_user
from tests.worklist.reading import make_item, make_reader
from worklist import services
from worklist.models import ReadingItem, ScorePolicy
from worklist.rules.policy import PRESET, Policy, read_policy
from worklist.selectors.replay import tuning
from worklist.selectors.replay.tuning import tune
from worklist.selectors.rules_in_force import policy_in_force
from worklist.services.rules_in_force import propose_policy, put_policy_in_force, retire_policy

pytestmark = pytest.mark.django_db

BOLD = replace(PRESET, inpatient_head_start=600.0)


def proposed(policy: Policy = BOLD) -> ScorePolicy:
    measures = {"breaches %": {"now": 4.0, "then": 3.0, "change": -1.0, "error": 0.2}}
    expected = {"weeks": 4, "cases": 900, "measures": measures}
    return propose_policy(policy, expected=expected, note="by 4 weeks", maker=None, actor=TESTER, at=NOON)


def test_a_proposal_changes_nothing_until_it_is_put_in_force() -> None:
    item = make_item(priority="MEDIUM")
    row = proposed()
    assert policy_in_force() == PRESET
    assert item.reread().weight == PRESET.class_points(4)
    put_policy_in_force(row.pk, actor=TESTER, at=NOON)
    assert policy_in_force() == BOLD
    assert item.reread().weight == 15.0


def test_cases_that_wait_are_given_out_by_the_new_numbers_at_once() -> None:
    reader = make_reader(most_claims=9)
    routine, inpatient = make_item(at=NOON - timedelta(hours=23)), make_item(priority="MEDIUM", at=NOON)
    at = NOON + timedelta(minutes=1)
    assert services.next_case(reader, actor=TESTER, at=at) == routine
    services.release(routine.pk, reader=reader, actor=TESTER, at=at)
    put_policy_in_force(proposed().pk, actor=TESTER, at=at)
    assert services.next_case(reader, actor=TESTER, at=at) == inpatient


def test_one_policy_is_in_force_and_a_retired_one_leaves_the_presets() -> None:
    first, second = proposed(), proposed(replace(PRESET, too_late=60.0))
    put_policy_in_force(first.pk, actor=TESTER, at=NOON)
    put_policy_in_force(second.pk, actor=TESTER, at=NOON)
    assert policy_in_force().too_late == 60.0
    with pytest.raises(Conflict):
        put_policy_in_force(first.pk, actor=TESTER, at=NOON)
    retire_policy(second.pk, actor=TESTER, at=NOON)
    assert policy_in_force() == PRESET


@pytest.mark.parametrize(
    "values,field", [({"speed": 1}, "speed"), ({"too_late": -1}, "too_late"), ({"ai_due": True}, "ai_due")]
)
def test_numbers_that_cannot_be_are_refused_by_name(values: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_policy(values)
    assert refused.value.at == field


def test_the_past_says_what_would_have_been_better_and_how_sure_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is real; what a policy does to a week is set, so that the answer is known."""
    make_reader()
    for week in (1, 8, 15):
        make_item(at=NOON - timedelta(days=week))

    def weekly(past: object, readers: object, numbers: object, policy: Policy, since: float, weeks: int) -> object:
        late = 9.0 if policy.too_late == PRESET.too_late else 5.0
        rows = ({"breaches %": late + n / 10, **dict.fromkeys(tuning.MEASURES[1:], 1.0)} for n in range(weeks))
        return list(rows)

    monkeypatch.setattr(tuning, "_weekly", weekly)
    found = tune([SiteFactory().pk], until=NOON, weeks=3, present=PRESET)
    assert found is not None
    assert (found.policy.too_late, found.cases) == (PRESET.too_late * tuning.STEPS[0], 3)
    now, then, change = found.expected["breaches %"]
    assert (round(now - then, 6), change.error) == (4.0, pytest.approx(0.0, abs=1e-9))


def test_where_nothing_is_surely_better_nothing_is_proposed(capsys: pytest.CaptureFixture[str]) -> None:
    make_reader()
    for week in (1, 8):
        make_item(at=NOON - timedelta(days=week))
    assert tune([SiteFactory().pk], until=NOON, weeks=2, present=PRESET) is None
    with pytest.raises(Invalid):
        tune([SiteFactory().pk], until=NOON, weeks=1, present=PRESET)
    call_command("rules", "policy")
    assert "too_late: 120 min" in capsys.readouterr().out


def test_the_lead_sees_what_is_expected_and_puts_it_in_force() -> None:
    site = SiteFactory()
    row = proposed()
    browser = Client()
    browser.force_login(make_user("lead", Role.LEAD, sites=(site,)))
    page = browser.get(reverse("worklist:policies")).content.decode()
    assert "inpatient head start" in page and "-1.0 ± 0.2" in page
    browser.post(reverse("worklist:policy-in-force", args=[row.pk]))
    assert policy_in_force() == BOLD
    make_reader()
    item = make_item()
    ReadingItem.objects.filter(pk=item.pk).update(finished_at=NOON)
    assert browser.get(reverse("worklist:policies")).status_code == 200


def test_who_leads_at_one_of_two_sites_does_not_decide_for_both() -> None:
    site, _ = SiteFactory(), SiteFactory(code="south")
    browser = Client()
    browser.force_login(make_user("lead", Role.LEAD, sites=(site,)))
    assert browser.post(reverse("worklist:policy-in-force", args=[proposed().pk])).status_code == 403
    assert policy_in_force() == PRESET
