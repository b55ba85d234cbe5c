"""Among the eligible, who is best: the first difference in this order decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .eligibility import Needs, ReaderNow, needs_given_coverage, ruled_out

ORDER = (
    "teaching case to a trainee",
    "primary skill",
    "holds this patient already",
    "read the prior",
    "same team",
    "has read least for the time on shift",
    "site",
    "seniority",
)


def preference(reader: ReaderNow, needs: Needs) -> tuple[float, ...]:
    """A key that sorts the best reader first; one number for each name in ORDER, lower is better."""
    level = reader.level(needs) or 3  # after the secondary skill
    return (
        0.0 if needs.teaching and reader.trainee and needs.reach == 0 else 1.0,
        float(level),
        0.0 if reader.id in needs.holders_of_patient else 1.0,
        0.0 if reader.id in needs.prior_readers else 1.0,
        0.0 if needs.team and reader.team == needs.team else 1.0,
        round(reader.deficit, 1) * -1.0,  # tenths of a minute: less is noise, and would hide site and seniority
        0.0 if reader.shift_sites is not None and needs.site_id in reader.shift_sites else 1.0,
        -float(reader.seniority),
    )


def why(reader: ReaderNow, needs: Needs) -> dict[str, float]:
    """The key with its names, for whoever asks."""
    return dict(zip(ORDER, preference(reader, needs), strict=True))


OFF_SKILL_COST = 1.25
"""A reader without the primary skill is counted as taking a quarter longer."""


def distribute(cases: Mapping[int, Needs], readers: list[ReaderNow]) -> dict[int, int]:
    """Case → reader, for the cases that somebody is eligible for. ``cases`` in order of urgency."""
    load = {reader.id: reader.held_minutes for reader in readers}
    chosen: dict[int, int] = {}
    for case, needs in cases.items():
        needs = needs_given_coverage(needs, readers)
        # Caps say how many are held at a time, and here a whole shift's work is dealt out: they are left out.
        fit = [reader for reader in readers if not ruled_out(replace(reader, held=0), needs)]
        if not fit:
            continue

        # The default binds this round's needs: a closure would see those of the last.
        def cost(reader: ReaderNow, needs: Needs = needs) -> tuple[float, ...]:
            minutes = needs.reading_minutes * reader.pace * (1.0 if reader.level(needs) == 1 else OFF_SKILL_COST)
            return (load[reader.id] + minutes, *preference(reader, needs), reader.id)

        best = min(fit, key=cost)
        load[best.id] = cost(best)[0]
        chosen[case] = best.id
    return chosen
