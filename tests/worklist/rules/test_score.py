"""The score, and the lanes that hold its order without touching rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worklist.rules.policy import PRESET, URGENT_FROM
from worklist.rules.score import LATE, POOL, PRIMARY, SECONDARY, Case, place, reach_of, score, slack, terms

START = datetime(2026, 3, 8, 6, 0, tzinfo=UTC)

cases = st.builds(
    Case,
    class_points=st.sampled_from([1000.0, 500.0, 499.25, 1.5, 0.75, 0.0]),
    reading_minutes=st.floats(0.5, 60),
    due_at=st.integers(0, 3 * 24 * 60).map(lambda m: START + timedelta(minutes=m)),
    sla_minutes=st.sampled_from([20.0, 30.0, 60.0, 120.0, 240.0, 1440.0]),
    points=st.floats(-3, 3),
)
moments = st.integers(0, 6 * 24 * 60 * 60).map(lambda s: START + timedelta(seconds=s))


def case(**fields: object) -> Case:
    return Case(**({"class_points": 0.0, "reading_minutes": 6.0, "due_at": START, "sla_minutes": 60.0} | fields))  # type: ignore[arg-type]


def test_the_terms_add_up_to_the_score() -> None:
    one = case(class_points=500.0, points=0.25)
    assert sum(terms(one, START).values()) == score(one, START)


def test_a_stat_case_goes_before_a_routine_one_of_the_same_age() -> None:
    stat = case(class_points=500.0, due_at=START + timedelta(minutes=60))
    routine = case(due_at=START + timedelta(minutes=1440), sla_minutes=1440.0)
    assert score(stat, START) > score(routine, START)


def test_a_case_that_is_too_late_gives_way_to_those_that_can_be_read_in_time_but_not_for_ever() -> None:
    late = case(due_at=START)
    for minutes, goes_first in ((PRESET.too_late - 30, False), (PRESET.too_late + 30, True)):
        at = START + timedelta(minutes=minutes)
        in_time = case(due_at=at + timedelta(minutes=10))
        assert (score(late, at) > score(in_time, at)) is goes_first
    assert PRESET.too_late_points(0.0) == terms(late, START)["too late"] * -1


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(cases, moments)
def test_a_place_gives_the_plain_score_until_it_turns(one: Case, at: datetime) -> None:
    where = place(one, at)
    later = at + timedelta(minutes=7)
    assert abs(where.score(at) - score(one, at)) < 1e-6
    if where.turns_at is None or later < where.turns_at:
        assert abs(where.score(later) - score(one, later)) < 1e-6


@settings(max_examples=300)
@given(st.lists(cases, min_size=1, max_size=20), moments)
def test_the_best_head_of_the_lanes_is_the_best_of_all(many: list[Case], at: datetime) -> None:
    heads: dict[int, tuple[float, Case]] = {}
    slopes: dict[int, set[float]] = {}
    for one in many:
        where = place(one, at)
        slopes.setdefault(where.lane, set()).add(round(where.slope, 12))
        if where.lane not in heads or where.rank > heads[where.lane][0]:
            heads[where.lane] = (where.rank, one)
    best = max(score(one, at) for _, one in heads.values())
    assert abs(best - max(score(one, at) for one in many)) < 1e-6
    assert all(len(found) == 1 for found in slopes.values())  # or ranks would not order a lane


@given(cases, moments)
def test_an_item_turns_at_most_three_times_and_always_onwards(one: Case, at: datetime) -> None:
    lanes = []
    where = place(one, at)
    while where.turns_at is not None:
        lanes.append(where.lane)
        assert where.turns_at > at
        at = where.turns_at
        where = place(one, at)
    assert where.lane == LATE
    assert len(lanes) <= 3
    assert lanes == sorted(lanes)


@given(cases, moments)
def test_lanes_say_how_far_a_case_has_spilled(one: Case, at: datetime) -> None:
    lane = place(one, at).lane
    left, gone = slack(one, at), 1 - ((one.due_at - at) / timedelta(minutes=1)) / one.sla_minutes
    if left <= 0:
        assert lane == LATE
    elif gone >= (0.5 if one.class_points >= URGENT_FROM else 0.75):
        assert lane == POOL
    elif gone >= 0.5:
        assert lane == SECONDARY
    else:
        assert lane == PRIMARY
    assert reach_of(lane) in (PRIMARY, SECONDARY, POOL)
