"""Rules as data: read, evaluated, said as sentences, checked; kept in versions that do not change."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Invalid
from tests.worklist.reading import NOON, PatientFactory, make_item, make_reader
from worklist import services
from worklist.models import RuleSet
from worklist.rules.facts import Facts
from worklist.rules.language.conditions import holds
from worklist.rules.language.flaws import check
from worklist.rules.language.parser import evaluate, parse
from worklist.rules.language.sentences import sentence
from worklist.services.rules_in_force import draft_rules, put_in_force, read_yaml, retire, write_yaml

DAY = date(2026, 3, 10)
STROKE = {
    "name": "Stroke",
    "when": {"modality": "CT", "region": ["HEAD", "NECK"], "age": {"at least": 18}, "not": {"priority": "ROUTINE"}},
    "then": {"class": "critical", "sla": 20},
}
JOB = Actor.job("test")


def rule(name: str = "one", when: Any = None, then: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "when": when or {}, "then": then or {"class": "stat"}, **more}


def true_of(when: dict[str, Any], **facts: Any) -> bool:
    return holds(parse([rule(when=when)])[0].when, Facts(**facts))


def flaws(*rules: dict[str, Any]) -> list[tuple[str, str]]:
    return [(flaw.kind, flaw.rule) for flaw in check(parse(list(rules)))]


def test_a_rule_reads_as_a_sentence() -> None:
    assert sentence(parse([STROKE])[0]) == (
        "When modality is CT and region is HEAD or NECK and age is at least 18 and it is not so that priority is "
        "ROUTINE, then the class is critical and it is due in 20 min."
    )


@pytest.mark.parametrize(
    ("when", "facts", "expected"),
    [
        ({"modality": "CT"}, {"modality": "CT"}, True),
        ({"modality": "CT"}, {"modality": "MR"}, False),
        ({"modality": {"is not": "CT"}}, {"modality": ""}, False),
        ({"age": {"at least": 65}}, {"age": 65}, True),
        ({"age": {"at most": 17}}, {"age": None}, False),
        ({"age": {"known": False}}, {"age": None}, True),
        ({"hour": {"between": [22, 6]}}, {"hour": 23}, True),
        ({"hour": {"between": [22, 6]}}, {"hour": 7}, False),
        ({"reason": {"contains": "Fall"}}, {"reason": "a fall at home"}, True),
        ({"ai_findings": "ICH"}, {"ai_findings": ("ICH", "PE")}, True),
        ({"ai_positive": True}, {"ai_positive": False}, False),
        ({"any": [{"modality": "MR"}, {"age": {"at most": 3}}]}, {"age": 2}, True),
        ({"not": {"modality": "CT", "region": "HEAD"}}, {"modality": "CT", "region": "CHEST"}, True),
        ({}, {}, True),
    ],
)
def test_conditions(when: dict[str, Any], facts: dict[str, Any], expected: bool) -> None:
    assert true_of(when, **facts) is expected


def test_the_first_rule_that_sets_an_effect_has_set_it() -> None:
    rules = parse([rule("a", {"modality": "CT"}, {"sla": 30}), rule("b", {}, {"sla": 90, "points": 1})])
    outcome = evaluate(rules, Facts(modality="CT"), DAY)
    assert (outcome.effects, outcome.fired) == ({"sla": 30, "points": 1.0}, ("a", "b"))
    assert outcome.by == {"sla": "a", "points": "b"}


def test_evaluation_looks_at_each_test_once_at_most() -> None:
    class Counted(Facts):
        asked = 0

        def get(self, name: str) -> Any:
            Counted.asked += 1
            return super().get(name)

    nested = {"any": [{"modality": "MR"}, {"not": {"any": [{"region": "HEAD"}, {"age": {"at least": 1}}]}}], "sex": "M"}
    rules = parse([{"name": f"r{n}", "when": nested, "then": {"points": 1}} for n in range(200)])
    evaluate(rules, Counted(modality="CT", region="CHEST", age=0, sex="F"), date(2026, 3, 10))
    assert Counted.asked == 200 * 4  # every rule has five tests, and its last is not looked at when it is decided


def test_stop_and_dates() -> None:
    rules = parse([rule("past", until="2026-03-09"), rule("now", then={"sla": 5}, stop=True), rule("after")])
    assert evaluate(rules, Facts(), DAY).fired == ("now",)


@pytest.mark.parametrize(
    ("bad", "at"),
    [
        ([rule(when={"modalty": "CT"})], "rules[0].when.modalty"),
        ([rule(when={"age": "old"})], "rules[0].when.age"),
        ([rule(when={"modality": {"at least": "CT"}})], "rules[0].when.modality"),
        ([rule(when={"hour": {"between": [1]}})], "rules[0].when.hour"),
        ([rule(then={"class": "urgent"})], "rules[0].then.class"),
        ([rule(then={"sla": True})], "rules[0].then.sla"),
        ([rule(then={"run": "rm -rf /"})], "rules[0].then.run"),
        ([rule("a"), rule("a")], "rules[1].name"),
        ([rule(since="x")], "rules[0].since"),
        ({"rules": []}, "rules"),
        (
            [rule(when={"any": [{"any": [{"any": [{"any": [{"age": 1}]}]}]}]})],
            "rules[0].when.any[0].any[0].any[0].any[0]",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(bad: Any, at: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(bad)
    assert refused.value.at == at


def test_a_rule_behind_a_wider_one_is_unreachable() -> None:
    wide, narrow = rule("wide", {"modality": "CT"}), rule("narrow", {"modality": "CT", "age": 3}, {"class": "routine"})
    assert flaws(wide, narrow) == [("unreachable", "narrow")]
    assert flaws(narrow, wide) == []


def test_a_rule_behind_one_that_ends_before_it_is_reachable() -> None:
    assert flaws(rule("a", until="2026-03-01"), rule("b", then={"class": "routine"})) != [("unreachable", "b")]


def test_a_rule_that_cannot_be_true_is_pointed_out() -> None:
    assert flaws(rule(when={"age": {"at least": 70, "at most": 60}})) == [("impossible", "one")]


def test_overlapping_rules_that_differ_conflict_unless_one_is_the_special_case() -> None:
    ct, head = rule("ct", {"modality": "CT"}, {"sla": 60}), rule("head", {"region": "HEAD"}, {"sla": 30})
    assert flaws(ct, head) == [("conflict", "head")]
    assert flaws(rule("special", {"modality": "CT", "region": "HEAD"}, {"sla": 5}), ct) == []
    assert flaws(ct, rule("mr", {"modality": "MR", "region": "HEAD"}, {"sla": 30})) == []


FACTS = st.builds(
    Facts,
    modality=st.sampled_from(["CT", "MR", ""]),
    age=st.one_of(st.none(), st.integers(0, 5)),
    patient_waiting=st.booleans(),
)
TESTS = st.one_of(
    st.fixed_dictionaries({"modality": st.sampled_from(["CT", "MR", ["CT", "MR"], {"not in": ["CT"]}])}),
    st.fixed_dictionaries(
        {"age": st.sampled_from([1, {"at least": 2}, {"at most": 3}, {"between": [1, 4]}, {"known": False}])}
    ),
    st.fixed_dictionaries({"patient_waiting": st.booleans()}),
)
WHENS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)}), st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=3,
)


@given(WHENS, WHENS, FACTS)
def test_what_is_called_unreachable_never_acts(first: Any, second: Any, facts: Facts) -> None:
    rules = [rule("a", first, {"sla": 10}), rule("b", second, {"sla": 20})]
    outcome = evaluate(parse(rules), facts, DAY)
    if ("unreachable", "b") in flaws(*rules) or ("impossible", "b") in flaws(*rules):
        assert outcome.by.get("sla") != "b"


def test_yaml_survives_the_way_out_and_back() -> None:
    assert read_yaml(write_yaml([STROKE])) == [STROKE]
    assert read_yaml("- {name: a, then: {sla: 5}, from: 2026-04-01}")[0]["from"] == "2026-04-01"


@pytest.mark.parametrize("text", ["a: [", "rules: !!python/object/apply:os.system [ls]", "a: &x [1]\nb: *x"])
def test_yaml_that_is_more_than_plain_values_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_yaml(text)


@pytest.mark.django_db
def test_rules_in_force_price_what_comes_and_only_what_comes_after() -> None:
    before = make_item(priority="STAT")
    row = put_in_force(draft_rules([STROKE], site=None, maker=None, actor=JOB, at=NOON).pk, actor=JOB, at=NOON)
    after = make_item(at=NOON + timedelta(minutes=1), priority="STAT")
    assert (before.urgency, before.sla_minutes) == (2, 60)
    assert (after.urgency, after.sla_minutes) == (1, 20)
    decision = after.decisions.get()
    assert decision.rule_set == f"0#{row.number}"
    assert decision.body["effects"]["sla"] == [20, "Stroke"]
    retire(row.pk, actor=JOB, at=NOON + timedelta(minutes=2))
    assert make_item(at=NOON + timedelta(minutes=3), priority="STAT").urgency == 2


@pytest.mark.django_db
@pytest.mark.parametrize("there", [True, False])
def test_a_rule_can_ask_whether_somebody_with_the_skill_is_on_shift(there: bool) -> None:
    rules = [rule(when={"covered": False}, then={"pool": "everybody"})]
    put_in_force(draft_rules(rules, site=None, maker=None, actor=JOB, at=NOON).pk, actor=JOB, at=NOON)
    make_reader(skills=("neuro",) if there else ("chest",))
    assert make_item().lane == (0 if there else 2)


@pytest.mark.django_db
def test_a_rule_can_ask_whether_somebody_read_the_prior() -> None:
    rules = [rule(when={"prior_reader": True}, then={"points": 1})]
    put_in_force(draft_rules(rules, site=None, maker=None, actor=JOB, at=NOON).pk, actor=JOB, at=NOON)
    patient, reader = PatientFactory(), make_reader()
    before = make_item(patient=patient)
    assert before.points == 0.0
    services.claim(before.pk, reader=reader, actor=JOB, at=NOON)
    services.finish(before.pk, reader=reader, actor=JOB, at=NOON)
    assert make_item(patient=patient).points == 1.0
    assert make_item().points == 0.0


@pytest.mark.django_db
def test_a_sites_own_rules_come_first() -> None:
    item = make_item()
    for site, sla in ((None, 100), (item.site, 50)):
        made = draft_rules([rule(then={"sla": sla})], site=site, maker=None, actor=JOB, at=NOON)
        put_in_force(made.pk, actor=JOB, at=NOON)
    assert make_item(at=NOON + timedelta(minutes=1)).sla_minutes == 50


@pytest.mark.django_db
def test_rules_can_reserve_route_and_ask_for_two_readers() -> None:
    reader = make_reader("drno")
    then = {"reserve": "drno", "second_reader": True, "teaching": True, "pool": "everybody", "points": 2}
    put_in_force(draft_rules([rule(then=then)], site=None, maker=None, actor=JOB, at=NOON).pk, actor=JOB, at=NOON)
    item = make_item()
    assert item.reserved_for == reader
    assert (item.second_reader, item.teaching, item.lane, item.points) == (True, True, 2, 2.0)


@pytest.mark.django_db
def test_a_version_that_was_in_force_cannot_be_again() -> None:
    row = put_in_force(draft_rules([], site=None, maker=None, actor=JOB, at=NOON).pk, actor=JOB, at=NOON)
    with pytest.raises(Conflict):
        put_in_force(row.pk, actor=JOB, at=NOON)


@pytest.mark.django_db
def test_the_command_checks_imports_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(write_yaml([STROKE]))
    call_command("rules", "check", str(file))
    assert "1. Stroke: When modality is CT" in capsys.readouterr().out
    call_command("rules", "import", str(file), "--in-force")
    capsys.readouterr()
    call_command("rules", "export")
    assert read_yaml(capsys.readouterr().out) == [STROKE]
    file.write_text(write_yaml([rule("a"), rule("b", then={"class": "routine"})]))
    with pytest.raises(CommandError):
        call_command("rules", "check", str(file))
    assert RuleSet.objects.count() == 1
