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
    """Ids and lane numbers are integers of ours, written into the text; lists are no parameters of SQLite."""
    parameters = {name: value for name, value in values.items() if not isinstance(value, list)}
    excluded, has_needed = f"i.id IN ({_numbers(values['excluded'])})", _has_needed(values["own"], parameters)
    against = AGAINST.format(excluded=excluded, has_needed=has_needed)
    said, passes = ("''", f"AND {against} = ''") if passing else (against, "")
    # The plus keeps the planner from the index of sites, which would have it sort the whole lane.
    text = (
        f"SELECT * FROM (SELECT i.id, i.due_at, i.rank + {{slope!r}} * %(minutes)s + {BONUS} - {{penalty}} AS score,"  # noqa: S608
        f" {said} AS against FROM worklist_readingitem i WHERE {{where}}"
        f" AND +i.site_id IN ({_numbers(values['sites'])}) {passes} ORDER BY i.rank DESC LIMIT {deep:d})"
    )
    branches = []
    for n, probe in enumerate(probes):
        where = f"i.pool = {probe.pool:d} AND i.lane = {probe.lane:d}{_narrowed(probe, str(n), parameters)}"
        penalty = OFF_SKILL.format(has_skill="FALSE") if probe.off_skill else "0.0"
        branches.append(text.format(slope=SLOPE, where=where, penalty=penalty))
    lanes = Lane.objects.filter(reach=POOL).values_list("number", "slope")
    penalty = OFF_SKILL.format(has_skill=f"i.pool IN ({_numbers(values['primary'])})")
    branches += [text.format(slope=slope, where=f"i.lane = {lane:d}", penalty=penalty) for lane, slope in lanes]
    if not branches:  # a union of nothing is no SQL
        branches = [text.format(slope=SLOPE, where="FALSE", penalty="0.0")]
    return " UNION ALL ".join(branches), parameters


def _has_needed(own: Sequence[Probe], parameters: Values) -> str:
    """Whether one of the reader's skills is the one that a rule asks for, and fits the item."""
    skills = [
        f"i.skill_needed_id = {skill.pool:d}{_narrowed(skill, f'own_{n}', parameters)}" for n, skill in enumerate(own)
    ]
    return f"({' OR '.join(skills) or 'FALSE'})"


def _narrowed(probe: Probe, name: str, parameters: Values) -> str:
    """Conditions on modality, region and age of the item; adds their parameters."""
    where = ""
    for column, words in (("modality", probe.modalities), ("region", probe.regions)):
        if words:
            parameters[f"{column}_{name}"] = words
            where += f" AND instr(%({column}_{name})s, ',' || i.{column} || ',') > 0"
    if probe.born_after or probe.born_until:
        after, until = f"%(after_{name})s", f"%(until_{name})s"
        parameters |= {f"after_{name}": probe.born_after, f"until_{name}": probe.born_until}
        where += " AND " + AGE.format(after=after, after_day=after, until=until, until_day=until)
    return where


def _numbers(ids: Sequence[int]) -> str:
    return ",".join(str(int(pk)) for pk in ids)
