"""Hospitals drawn at random are what they say they are, and policies are compared in them fairly."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.core.management import call_command

from worklist.simulation.engine import Simulation
from worklist.simulation.hospitals import JUDGING_SEED, draw_hospital
from worklist.simulation.policies import POLICIES, Lanes
from worklist.simulation.tournament import JUDGED, Match, play_hospitals, wins
from worklist.simulation.workload import DAY, DAYS, POOLS

pytestmark = pytest.mark.once

SMALL = 2
"""Seed of a hospital of few readers, so that its days are quick to play."""


def test_the_same_seed_is_the_same_hospital_and_the_same_days() -> None:
    one, other = draw_hospital(SMALL), draw_hospital(SMALL)
    assert (one.describe(), one.roster) == (other.describe(), other.roster)
    assert one.jobs(0) == other.jobs(0)
    assert one.jobs(0) != one.jobs(1)


@pytest.mark.parametrize("seed", range(6))
def test_load_skills_and_ai_come_out_as_drawn(seed: int) -> None:
    hospital = draw_hospital(seed)
    hospital.mass_casualty = None
    jobs = hospital.jobs(0)
    there = sum(end - begin for _, spans in hospital.roster for begin, end in spans if begin < DAYS * DAY)
    assert sum(job.service for job in jobs) / there == pytest.approx(hospital.load, rel=0.1)
    assert frozenset().union(*(skills for skills, _ in hospital.roster)) == frozenset(range(len(POOLS)))
    assert all(1 <= len(skills) <= 5 for skills, _ in hospital.roster)
    positives = [job.truth for job in jobs if job.ai_positive]
    assert sum(positives) / len(positives) == pytest.approx(hospital.ai_ppv, abs=0.12)


def test_an_outage_delays_what_the_scanner_would_have_done() -> None:
    hospital = next(h for h in map(draw_hospital, range(50)) if h.outage)
    out = hospital.outage
    assert out is not None
    hospital.mass_casualty = None
    during = [j for j in hospital.jobs(0) if j.pool == out.pool and out.begin <= j.arrive < out.end]
    assert during == []


def test_nobody_reads_two_cases_at_once_or_off_duty() -> None:
    hospital = draw_hospital(SMALL)
    jobs, readers = hospital.jobs(0), hospital.readers()
    Simulation(jobs, readers, Lanes()).run()
    for reader in readers:
        read = sorted((job.start, job.finish) for job in jobs if job.reader == reader.id)
        assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(read))
        assert all(any(begin <= start < end for begin, end in reader.spans) for start, _ in read)


def test_off_the_primary_skill_reading_takes_as_much_longer_as_the_hospital_says() -> None:
    hospital = draw_hospital(SMALL)
    jobs = hospital.jobs(0)
    Simulation(jobs, hospital.readers(), Lanes()).run()
    off = next(job for job in jobs if job.finish >= 0 and not job.matched)
    assert off.finish - off.start == pytest.approx(off.service * hospital.off_skill)


def test_urgent_cases_are_read_in_the_order_of_their_classes() -> None:
    """With ours class 2 waits no longer than with strict priority, and what AI found far less than with it."""
    policies = {name: POLICIES[name] for name in ("FIFO", "strict priority", "earliest due", "least slack", "ours")}
    ((match, _, _),) = play_hospitals([SMALL], 1, policies)
    ours, strict = match.rows["ours"], match.rows["strict priority"]
    assert ours["class 2 p95 min"].mean <= strict["class 2 p95 min"].mean * 1.1
    assert ours["AI-true low mean min"].mean < strict["AI-true low mean min"].mean / 2
    assert set(wins([match])) == set(JUDGED)
    assert isinstance(match, Match)


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("simulate", "--no-theory", "--hospitals", "1", "--seed", str(SMALL), "--runs", "1")
    said = capsys.readouterr().out
    assert "No worse than the best simple policy by more than 5 %, of 1 hospitals" in said
    assert all(name in said for name in (*JUDGED, *POLICIES))
    assert JUDGING_SEED > 1_000  # seeds of the tests and of tuning lie below
