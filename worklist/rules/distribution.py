"""Many cases to many readers at once, minutes balanced. For batches only: one case at a time is chosen when asked.

Cases come most urgent first. Each goes to the eligible reader who, with it, would have the least minutes for the
skill: a case costs its reading time, a quarter more off the primary skill. This is list scheduling, which is
within (2 − 1/readers) of the shortest possible longest load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .coverage import asked_of
from .eligibility import Needs, ReaderNow, ruled_out
from .preference import preference

OFF_SKILL_COST = 1.25


def distribute(cases: Mapping[int, Needs], readers: list[ReaderNow]) -> dict[int, int]:
    """Case → reader, for the cases that somebody is eligible for. ``cases`` in order of urgency."""
    load = {reader.id: reader.held_minutes for reader in readers}
    chosen: dict[int, int] = {}
    for case, needs in cases.items():
        needs = asked_of(needs, readers)
        fit = [reader for reader in readers if not ruled_out(replace(reader, held=0), needs)]
        if not fit:
            continue

        def cost(reader: ReaderNow, needs: Needs = needs) -> tuple[float, ...]:
            minutes = needs.reading_minutes * reader.pace * (1.0 if reader.level(needs) == 1 else OFF_SKILL_COST)
            return (load[reader.id] + minutes, *preference(reader, needs), reader.id)

        best = min(fit, key=cost)
        load[best.id] = cost(best)[0]
        chosen[case] = best.id
    return chosen
