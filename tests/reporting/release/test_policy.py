"""Which rule decides, and what it says. The rules are pure: no database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reporting.release.policy import DEFAULT_RULES, ReleaseRule, ResultFacts, decide_release, read_rules
from reporting.release.selectors import years_of
from tests.factories import NOON

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("facts", "hours", "waits"),
    [
        (ResultFacts("preliminary"), None, False),
        (ResultFacts("final", level="red"), 72, True),
        (ResultFacts("addendum", level="orange"), 72, True),
        (ResultFacts("final", level="yellow"), 0, False),
        (ResultFacts("corrected"), 0, False),
    ],
)
def test_what_the_system_begins_with(facts: ResultFacts, hours: int | None, waits: bool) -> None:
    decision = decide_release(DEFAULT_RULES, facts, at=NOON)
    assert decision.due_at == (None if hours is None else NOON + timedelta(hours=hours))
    assert decision.waits_for_referrer is waits


def test_the_first_rule_that_fits_decides_and_says_so() -> None:
    rules = [
        ReleaseRule("never", modality="mr", age_to=13, site="north"),
        ReleaseRule("after hours", hours=36, kind="final"),
    ]
    child = ResultFacts("final", "MR", age=13, site="north")
    assert decide_release(rules, child, at=NOON).because == "Any report, MR, 0 to 13 years, site north: never"
    for other in (
        ResultFacts("final", "MR", age=14, site="north"),
        ResultFacts("final", "MR", age=None, site="north"),
        ResultFacts("final", "CT", age=13, site="north"),
        ResultFacts("final", "MR", age=13, site="south"),
    ):
        decision = decide_release(rules, other, at=NOON)
        assert (decision.because, decision.due_at) == ("Final report: after 36 h", NOON + timedelta(hours=36))
    assert decide_release(rules, ResultFacts("addendum"), at=NOON).due_at is None, "where none fits: never"
    assert read_rules([rule.as_data() | {"gone": 1} for rule in rules]) == rules


def test_whole_years_also_of_who_was_born_on_a_leap_day() -> None:
    born = date(2012, 2, 29)
    assert years_of(born, date(2026, 2, 28)) == 13
    assert years_of(born, date(2026, 3, 1)) == 14
    assert years_of(None, date(2026, 3, 1)) is None
