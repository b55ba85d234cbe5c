"""A rule says which skill a case needs: nobody without it is given the case, however long it waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ris.audit.services import Actor
from ris.kernel.errors import Forbidden, Invalid
from tests.factories import NOON, SiteFactory, SubspecialtyFactory
from tests.worklist.reading import make_item, make_reader
from worklist import services
from worklist.models import ReadingItem, Skill
from worklist.rules.language.parser import parse
from worklist.selectors.explain import explain
from worklist.selectors.replay.comparison import replay
from worklist.services.rules_in_force import draft_rules, put_in_force

pytestmark = pytest.mark.django_db

ACTOR = Actor.job("test")
CARDIAC = [{"name": "heart", "when": {"modality": "CT"}, "then": {"skill_needed": "cardiac"}}]
MUCH_LATER = NOON + timedelta(days=3)


def ask_for_cardiac(rules: list[dict[str, object]] = CARDIAC) -> None:
    SubspecialtyFactory(code="cardiac")
    drafted = draft_rules(rules, site=None, maker=None, actor=ACTOR, at=NOON)
    put_in_force(drafted.pk, actor=ACTOR, at=NOON)


def test_only_who_has_the_skill_is_given_it_and_why_says_so() -> None:
    ask_for_cardiac()
    neuro, both = make_reader("neuro"), make_reader("both", secondary=("cardiac",))
    item = make_item()
    assert item.skill_needed is not None and item.skill_needed.code == "cardiac"
    services.advance_lanes(MUCH_LATER)  # it is for everybody who may have it
    assert services.next_case(neuro, actor=ACTOR, at=MUCH_LATER) is None
    with pytest.raises(Forbidden, match="skill that a rule asks for"):
        services.claim(item.pk, reader=neuro, actor=ACTOR, at=MUCH_LATER)
    services.suggest_reader(item.pk, at=MUCH_LATER)
    why = explain(ReadingItem.objects.get(pk=item.pk), MUCH_LATER, viewer=both)
    assert why["priced"]["fired"][0]["sentence"] == (
        "When modality is CT, then only a reader with the skill cardiac is given it."
    )
    assert why["assigned"]["reader"] == both.pk
    assert {"skill needed"} <= {by for out in why["assigned"]["ruled_out"] for by in out["by"]}
    given = services.next_case(both, actor=ACTOR, at=MUCH_LATER)
    assert given is not None and given.pk == item.pk


def test_a_skill_that_is_narrowed_to_other_exams_is_none_and_without_the_rule_nothing_is_asked() -> None:
    ask_for_cardiac()
    reader = make_reader(skills=("neuro", "cardiac"))
    Skill.objects.filter(reader=reader, subspecialty__code="cardiac").update(modalities=["MR"])
    item = make_item()
    assert services.next_case(reader, actor=ACTOR, at=NOON) is None
    ask_for_cardiac([{"name": "other", "when": {"modality": "US"}, "then": {"skill_needed": "cardiac"}}])
    services.reprice(item.pk, at=NOON, cause="rules")
    given = services.next_case(reader, actor=ACTOR, at=NOON)
    assert given is not None and given.pk == item.pk


def test_try_it_shows_what_waiting_for_the_skill_would_have_cost() -> None:
    SubspecialtyFactory(code="cardiac")
    make_reader()
    make_item()
    period = {"sites": [SiteFactory().pk], "since": NOON - timedelta(days=1), "until": NOON + timedelta(days=1)}
    found = replay(parse(CARDIAC), **period)
    assert (found["before"]["read"], found["after"]["read"]) == (1, 0)  # nobody here has it
    assert found["changed"][0]["after"]["skill_needed"] == SubspecialtyFactory(code="cardiac").pk
    ask_for_cardiac()
    make_item(at=NOON + timedelta(hours=3))
    assert replay(parse(CARDIAC), **(period | {"since": NOON + timedelta(hours=1)}))["changed"] == []


def test_a_skill_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="no subspecialty") as refused:
        ask_for_cardiac([{"name": "x", "then": {"skill_needed": "nonsense"}}])
    assert refused.value.at == "rules[0].then.skill_needed"
