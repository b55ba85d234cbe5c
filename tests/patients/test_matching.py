"""Who is meant: two descriptions under one number are of the same person, of another, or it cannot be told."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ris.patients.matching import Traits, Verdict, compare

pytestmark = pytest.mark.once
BORN = date(1961, 4, 17)
ANNA = Traits(family="Zztest", given="Anna", birth_date=BORN, sex="F")


def traits(family: str = "", given: str = "", born: date | None = BORN, sex: str = "", **more: object) -> Traits:
    return Traits(family=family, given=given, birth_date=born, sex=sex, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (ANNA, Verdict.SAME),
        (Traits(), Verdict.SAME),  # a number and nothing else
        (traits("ZZTEST", "ANNA", None), Verdict.SAME),
        (traits("Zztest", "Anna Maria"), Verdict.SAME),
        (traits("Zztest", "A."), Verdict.SAME),
        (traits("Anna", "Zztest"), Verdict.SAME),  # halves swapped
        (traits("Zz-Test", "Anna"), Verdict.SAME),
        (traits("Zzttest", "Anna"), Verdict.SAME),  # one slip
        (traits("Zzmarried", "Anna", sex="F"), Verdict.SAME),  # a new family name
        (traits("Zztest", "Anna", date(1961, 4, 18)), Verdict.SAME),  # a slip in the birth date
        (traits("Zztest", "Anna", sex="M"), Verdict.SAME),  # the sex was corrected
        (traits("", "", sex="F"), Verdict.SAME),
        (traits("Zztest", "Berta", sex="F"), Verdict.UNSURE),  # twins
        (traits("Zztest", "Anna", date(1990, 1, 2)), Verdict.UNSURE),
        (traits("Zzmarried", "Anna", None), Verdict.UNSURE),
        (traits("Zzother", "Cora"), Verdict.UNSURE),  # only the birth date fits
        (traits("Zzother", "Cora", None), Verdict.UNSURE),
        (traits("", "", date(1990, 1, 2)), Verdict.UNSURE),
        (traits("Zztest", "Bert", sex="M"), Verdict.ANOTHER),  # twins of two sexes
        (traits("Zzother", "Cora", date(1990, 1, 2)), Verdict.ANOTHER),
        (traits("Zzother", "Carl", date(1990, 1, 2), "M"), Verdict.ANOTHER),
        (traits("Zztest", "Berta", date(1990, 1, 2)), Verdict.ANOTHER),
        (traits("Zzother", "Carl", sex="M"), Verdict.ANOTHER),
    ],
)
def test_what_was_said_beside_the_number_decides(said: Traits, verdict: Verdict) -> None:
    assert compare(ANNA, said).verdict is verdict


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (traits("ZZTEST", "BABY GIRL"), traits("ZZTEST", "MILA"), Verdict.SAME),
        (traits("UNKNOWN", "MALE", None), traits("ZZTEST", "CARL", BORN), Verdict.SAME),
        (traits("van Zztest", "Jan"), traits("Zztest", "Jan"), Verdict.SAME),
        (traits("van Zztest", "Jan", None), traits("van Zzother", "Piet", None), Verdict.UNSURE),
        (traits("Müller-Zztest", "Änne"), traits("MUELLER", "Änne"), Verdict.SAME),
        (traits("", "", ideographic="試験^太郎"), traits("", "", ideographic="試験^太郎"), Verdict.SAME),
        (traits("", "", None, ideographic="試験^太郎"), traits("", "", None, ideographic="別人^花子"), Verdict.UNSURE),
        (traits("Zzold", "Eva", None), traits("Zznew", "Eva", None, former_families=("Zzold",)), Verdict.UNSURE),
        (traits("Li", "An"), traits("Lu", "An"), Verdict.SAME),
        (traits("Zztest", "Anna", date(1961, 4, 17)), traits("Zztest", "Anna", date(1961, 1, 1)), Verdict.SAME),
    ],
)
def test_names_of_many_kinds(one: Traits, other: Traits, verdict: Verdict) -> None:
    assert compare(one, other).verdict is verdict
    assert compare(other, one).verdict is verdict


words = st.text(st.characters(codec="utf-8", categories=["L", "M", "Zs", "P"]), max_size=12)
people = st.builds(
    Traits, family=words, given=words, ideographic=words, sex=st.sampled_from(["", "F", "M", "O"]),
    birth_date=st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1)),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(people, people)
def test_it_does_not_matter_who_is_compared_with_whom(one: Traits, other: Traits) -> None:
    assert compare(one, other) == compare(other, one)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(people)
def test_everybody_is_the_same_as_themselves(one: Traits) -> None:
    assert compare(one, one).verdict is Verdict.SAME


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(people, people)
def test_what_is_not_said_never_counts_against_anybody(one: Traits, other: Traits) -> None:
    order = [Verdict.SAME, Verdict.UNSURE, Verdict.ANOTHER]
    silent = Traits(family=other.family, given=other.given, ideographic=other.ideographic)
    worse = order.index(compare(one, other).verdict)
    if compare(one, other).birth_date.value in ("other",) or compare(one, other).sex.value == "other":
        assert order.index(compare(one, silent).verdict) <= worse


def test_what_does_not_fit_is_named() -> None:
    assert compare(ANNA, traits("Zzother", "Carl", date(1990, 1, 2), "M")).differing == ("name", "birth date", "sex")
    assert compare(ANNA, ANNA).differing == ()


def test_a_hostile_name_costs_no_more_than_a_long_one() -> None:
    assert compare(traits("A" * 1_000_000, "B"), traits("A" * 1_000_000, "C")).verdict is Verdict.UNSURE
