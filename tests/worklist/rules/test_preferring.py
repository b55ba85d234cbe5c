"""Who is preferred among the eligible: the affinities, each by itself, and which of them goes before which."""

from __future__ import annotations

from dataclasses import replace

from worklist.rules.eligibility import BINDING, Needs, ReaderNow, SkillNow, needs_given_coverage, ruled_out
from worklist.rules.preference import ORDER, distribute, preference, why

NEEDS = Needs(site_id=1, pool=7, modality="CT", region="HEAD")


def reader(pk: int, *, level: int = 1, **fields: object) -> ReaderNow:
    values = {"sites": frozenset({1}), "skills": (SkillNow(7, level),), "minutes_left": 480.0}
    return ReaderNow(id=pk, **(values | fields))


def best(needs: Needs, *readers: ReaderNow) -> int:
    return min(readers, key=lambda one: (*preference(one, needs), one.id)).id


def test_without_a_difference_the_first_is_taken() -> None:
    assert best(NEEDS, reader(2), reader(1)) == 1


def test_whoever_holds_the_patient_already_gets_the_next_of_that_patient() -> None:
    needs = replace(NEEDS, holders_of_patient=frozenset({2}))
    assert best(needs, reader(1, deficit=60.0), reader(2)) == 2


def test_whoever_read_the_prior_gets_the_comparison() -> None:
    needs = replace(NEEDS, prior_readers=frozenset({2}))
    assert best(needs, reader(1, deficit=60.0), reader(2)) == 2


def test_a_residents_preliminary_goes_to_the_same_team() -> None:
    needs = replace(NEEDS, team="blue", awaits_signer=True, preliminary_by=9)
    assert best(needs, reader(1, team="green", deficit=60.0), reader(2, team="blue")) == 2


def test_no_team_is_nobodys_team() -> None:
    needs = replace(NEEDS, team="")
    assert best(needs, reader(1), reader(2, team="")) == 1


def test_holding_the_patient_goes_before_the_prior_and_that_before_the_team() -> None:
    needs = replace(NEEDS, holders_of_patient=frozenset({3}), prior_readers=frozenset({2}), team="blue")
    holder, prior, team = reader(3), reader(2), reader(1, team="blue")
    assert best(needs, team, prior, holder) == 3
    assert best(needs, team, prior) == 2


def test_no_affinity_goes_before_the_primary_skill() -> None:
    needs = replace(NEEDS, reach=1, holders_of_patient=frozenset({1}), prior_readers=frozenset({1}), team="blue")
    assert best(needs, reader(1, level=2, team="blue"), reader(2)) == 2


def test_a_teaching_case_goes_to_a_trainee_before_all_else_while_it_is_early() -> None:
    needs = replace(NEEDS, teaching=True, holders_of_patient=frozenset({1}))
    trainee = reader(2, trainee=True)
    assert best(needs, reader(1), trainee) == 2
    assert best(replace(needs, reach=1), reader(1), trainee) == 1


def test_those_on_call_are_spared_what_somebody_in_house_covers_unless_it_is_urgent() -> None:
    called, here = reader(1, kind="on-call", called_for=2), reader(2, deficit=-60.0)
    routine, stat = replace(NEEDS, urgency=4), replace(NEEDS, urgency=2)
    assert ruled_out(called, needs_given_coverage(routine, [called, here])) == ["on call"]
    assert ruled_out(called, needs_given_coverage(stat, [called, here])) == []
    assert ruled_out(replace(called, called_for=4), needs_given_coverage(routine, [called, here])) == []


def test_those_on_call_are_asked_for_anything_that_nobody_in_house_covers() -> None:
    called, other_skill = reader(1, kind="on-call"), replace(reader(2), skills=(SkillNow(8, 1),))
    routine = replace(NEEDS, urgency=4)
    assert ruled_out(called, needs_given_coverage(routine, [called, other_skill])) == []
    assert ruled_out(called, needs_given_coverage(routine, [called, reader(3, present=False)])) == []
    assert ruled_out(called, needs_given_coverage(routine, [called, reader(3, held=3)])) == [
        "on call"
    ]  # will be free soon


def test_a_batch_spares_those_on_call_too() -> None:
    called, here = reader(1, kind="on-call"), reader(2)
    cases = {n: replace(NEEDS, urgency=4) for n in range(4)} | {9: replace(NEEDS, urgency=2)}
    given = distribute(cases, [called, here])
    assert {given[n] for n in range(4)} == {2}
    assert given[9] == 1


def test_another_team_is_not_given_what_the_residents_own_team_signs_first() -> None:
    needs = replace(NEEDS, team="blue", team_first=True, awaits_signer=True, preliminary_by=9)
    assert ruled_out(reader(1, team="green"), needs) == ["team"]
    assert ruled_out(reader(2, team="blue"), needs) == []
    assert ruled_out(reader(1, team="green"), needs, only=BINDING) == []  # by hand anybody may


def test_why_names_every_term_of_the_order() -> None:
    needs = replace(NEEDS, holders_of_patient=frozenset({1}), prior_readers=frozenset({1}), team="blue")
    said = why(reader(1, team="blue"), needs)
    assert tuple(said) == ORDER
    assert [said[name] for name in ("holds this patient already", "read the prior", "same team")] == [0.0, 0.0, 0.0]
