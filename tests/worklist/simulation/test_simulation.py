"""The simulation agrees with queueing theory before anything it says of policies is believed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from worklist.simulation.engine import Job, Reader, Simulation
from worklist.simulation.measure import measure
from worklist.simulation.policies import POLICIES
from worklist.simulation.theory import SETTINGS, Setting, answer
from worklist.simulation.workload import jobs, readers

pytestmark = pytest.mark.once


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.name)
def test_it_agrees_with_queueing_theory_within_five_percent(setting: Setting) -> None:
    found = answer(setting, jobs=80_000, seed=1)
    assert found.off() < 0.05
    assert found.conserved == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("policy", ["strict priority", "ours"])
def test_every_case_is_read_once_by_somebody_who_is_there(policy: str) -> None:
    days, people = jobs(0.84, 3), readers()
    Simulation(days, people, POLICIES[policy]()).run()
    assert all(job.start >= job.arrive and job.finish > job.start for job in days)
    for reader in people:
        read = sorted((job.start, job.finish) for job in days if job.reader == reader.id)
        assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(read))
        assert all(any(begin <= start < end for begin, end in reader.spans) for start, _ in read)


def test_the_same_seed_gives_the_same_days_and_outcome() -> None:
    outcomes = []
    for _ in range(2):
        days = jobs(0.84, 5)
        Simulation(days, readers(), POLICIES["ours"]()).run()
        outcomes.append(measure(days))
    assert outcomes[0] == outcomes[1]


def test_ours_matches_skills_and_finds_what_ai_found_where_first_come_first_served_does_not() -> None:
    said = {}
    for name in ("FIFO", "ours"):
        days = jobs(0.97, 1)
        Simulation(days, readers(), POLICIES[name]()).run()
        said[name] = measure(days)
    # Skills are preferred, never waited for (docs/orchestration.md).
    assert said["ours"]["matched %"] > 75 > 60 > said["FIFO"]["matched %"]
    assert said["ours"]["AI-true low mean min"] < 12.3 < said["FIFO"]["AI-true low mean min"]
    assert said["ours"]["breaches %"] < said["FIFO"]["breaches %"]


def exam(n: int, arrive: float, *, link: int = -1, pool: int = 1, urgency: int = 5) -> Job:
    due = arrive + 1440.0
    return Job(n, arrive, urgency, pool, 5.0, 5.0, due, 1440.0, 0.0, due, link=link)


def played(cases: list[Job], *people: Reader) -> list[tuple[int, float]]:
    Simulation(cases, people, POLICIES["ours"]()).run()
    return [(job.reader, job.start) for job in cases]


def test_who_takes_a_linked_exam_reads_the_others_next() -> None:
    one, other = Reader(0, frozenset([1]), [(0.0, 600.0)]), Reader(1, frozenset([1]), [(0.0, 600.0)])
    busy = [exam(0, 0.0), exam(1, 1.0)]  # until 5 and 6, while the linked two come, and one that is due before them
    linked = [exam(2, 2.0, link=7), exam(3, 2.5, link=7), exam(4, 2.2)]
    assert played([*busy, *linked], one, other) == [(0, 0.0), (1, 1.0), (0, 5.0), (0, 10.0), (1, 6.0)]


def test_linked_exams_stay_where_the_caps_the_skill_the_hour_or_the_shift_are_against_it() -> None:
    def alone(reader: Reader, *linked: Job) -> int:
        """How many cases came along with the first."""
        run = Simulation([exam(0, 0.0), exam(1, 3.0, link=7), *linked], [reader], POLICIES["ours"]())
        run.horizon = 6.0  # the first is read until 5, and then the second is taken
        run.run()
        return len(reader.next)

    def reader(end: float = 600.0, **limits: float) -> Reader:
        return Reader(0, frozenset([1]), [(0.0, end)], frozenset([2]), **limits)  # type: ignore[arg-type]

    two = [exam(2, 3.1, link=7), exam(3, 3.2, link=7, pool=2)]
    assert alone(reader(), *two) == 2
    assert alone(reader(most_claims=2), exam(2, 3.1, link=7), exam(3, 3.2, link=7)) == 1
    assert alone(reader(most_minutes=9.0), exam(2, 3.1, link=7)) == 0
    assert alone(reader(), exam(2, 3.1, link=7, pool=3)) == 0  # not their skill
    assert alone(reader(end=4.9), exam(2, 3.1, link=7), exam(3, 3.2, link=7)) == 0  # 10 minutes of overtime at most
    late = Reader(0, frozenset([1]), [(100.0, 600.0)])
    waiting = [exam(0, 0.0, link=7), exam(1, 30.0, link=7), exam(2, 70.0, link=7)]
    Simulation(waiting, [late], POLICIES["ours"](), horizon=101.0).run()
    assert [job.id for job in late.next] == [1]  # the third came more than an hour after the first
