"""The statements of *next case* for SQLite: a union of the lanes, as there is no LATERAL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from worklist.models import Lane
from worklist.rules.score import POOL, SLOPE

from .probes import AGAINST, AGE, BONUS, CLAIM, HELD, OFF_SKILL, Probe

Values = dict[str, Any]


def sqlite_claim(probes: Sequence[Probe], values: Values, deep: int) -> tuple[str, Values]:
    """Claim the best of the ``deep`` heads of each lane; its id."""
    heads, values = _heads(probes, values, deep, passing=True)
    pick = f"SELECT id FROM ({heads}) ORDER BY score DESC, due_at, id LIMIT 1"  # noqa: S608  (pieces of ours)
    guard = "lane IS NOT NULL AND (SELECT n FROM held) < %(most_claims)s RETURNING id"
    return f"WITH {HELD} {CLAIM} WHERE id = ({pick}) AND {guard}", values


def sqlite_heads(probes: Sequence[Probe], values: Values, deep: int, most: int) -> tuple[str, Values]:
    """The ``most`` best of the ``deep`` heads of each lane, whether they pass or not."""
    heads, values = _heads(probes, values, deep, passing=False)
    best = f"SELECT id, score, against FROM ({heads}) ORDER BY score DESC, due_at, id LIMIT {most:d}"  # noqa: S608
    return f"WITH {HELD} {best}", values


def _heads(probes: Sequence[Probe], values: Values, deep: int, *, passing: bool) -> tuple[str, Values]:
    """Ids and lane numbers are integers of ours, written into the text."""
    parameters = dict(values)
    against = AGAINST.format(excluded=f"i.id IN ({_numbers(values['excluded'])})")
    said, passes = ("''", f"AND {against} = ''") if passing else (against, "")
    # The plus keeps the planner from the index of sites, which would have it sort the whole lane.
    text = (
        f"SELECT * FROM (SELECT i.id, i.due_at, i.rank + {{slope!r}} * %(minutes)s + {BONUS} - {{penalty}} AS score,"  # noqa: S608
        f" {said} AS against FROM worklist_readingitem i WHERE {{where}}"
        f" AND +i.site_id IN ({_numbers(values['sites'])}) {passes} ORDER BY i.rank DESC LIMIT {deep:d})"
    )
    branches = []
    for n, probe in enumerate(probes):
        where = f"i.pool = {probe.pool:d} AND i.lane = {probe.lane:d}"
        for column, words in (("modality", probe.modalities), ("region", probe.regions)):
            if words:
                parameters[f"{column}_{n}"] = words
                where += f" AND instr(%({column}_{n})s, ',' || i.{column} || ',') > 0"
        if probe.born_after or probe.born_until:
            after, until = f"%(after_{n})s", f"%(until_{n})s"
            parameters |= {f"after_{n}": probe.born_after, f"until_{n}": probe.born_until}
            where += " AND " + AGE.format(after=after, after_day=after, until=until, until_day=until)
        penalty = OFF_SKILL.format(has_skill="FALSE") if probe.off_skill else "0.0"
        branches.append(text.format(slope=SLOPE, where=where, penalty=penalty))
    lanes = Lane.objects.filter(reach=POOL).values_list("number", "slope")
    penalty = OFF_SKILL.format(has_skill=f"i.pool IN ({_numbers(values['primary'])})")
    branches += [text.format(slope=slope, where=f"i.lane = {lane:d}", penalty=penalty) for lane, slope in lanes]
    if not branches:  # a union of nothing is no SQL
        branches = [text.format(slope=SLOPE, where="FALSE", penalty="0.0")]
    return " UNION ALL ".join(branches), parameters


def _numbers(ids: Sequence[int]) -> str:
    return ",".join(str(int(pk)) for pk in ids)
