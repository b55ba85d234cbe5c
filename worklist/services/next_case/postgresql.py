"""The statements of *next case* for PostgreSQL: one text each, prepared, with the probes as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from worklist.rules.score import SLOPE

from .probes import AGAINST, AGE, BONUS, CLAIM, HELD, OFF_SKILL, Probe

# The heads are read without locks, so nobody hides a case from others while looking at it. The planner is to
# walk along the lane whatever the filters: IS TRUE keeps it from the index of sites, and a CASE that gives a truth
# value (of which it guesses that half are true) from fetching and sorting the little that it thinks is left.
_LANES = """
SELECT h.id, h.version, h.rank + {slope} * %(minutes)s + h.bonus AS score, h.due_at, h.against
FROM {lanes} CROSS JOIN LATERAL (
 SELECT i.id, i.version, i.rank, i.due_at, {bonus} AS bonus, {said} AS against FROM worklist_readingitem i
 WHERE {here} AND (i.site_id = ANY(%(sites)s)) IS TRUE {passes} ORDER BY i.rank DESC LIMIT {deep:d}
) h
"""
_SKILLED = """unnest(%(pools)s, %(lanes)s, %(modalities)s, %(regions)s, %(born_after)s, %(born_until)s, %(off)s)
 AS p(pool, lane, modalities, regions, born_after, born_until, off)"""


def _narrowed(to: str) -> str:
    """Whether a skill, a row of the alias ``to``, fits modality, region and age of the item."""
    age = AGE.format(
        after=f"{to}.born_after",
        after_day=f"NULLIF({to}.born_after, '')::date",
        until=f"{to}.born_until",
        until_day=f"NULLIF({to}.born_until, '')::date",
    )
    return f"""CASE WHEN {to}.modalities = '' THEN TRUE
 ELSE position(',' || i.modality || ',' IN {to}.modalities) > 0 END
 AND CASE WHEN {to}.regions = '' THEN TRUE ELSE position(',' || i.region || ',' IN {to}.regions) > 0 END
 AND CASE WHEN {to}.born_after = '' AND {to}.born_until = '' THEN TRUE ELSE {age} END"""


_HERE = f"i.pool = p.pool AND i.lane = p.lane AND {_narrowed('p')}"
_HAS_NEEDED = f"""EXISTS (SELECT 1 FROM
 unnest(%(own_pools)s, %(own_modalities)s, %(own_regions)s, %(own_born_after)s, %(own_born_until)s)
 AS k(pool, modalities, regions, born_after, born_until)
 WHERE k.pool = i.skill_needed_id AND {_narrowed("k")})"""  # noqa: S608  (pieces of ours)
_SPILLED = "(SELECT number, slope FROM worklist_lane WHERE reach = 2) p"
_AGAINST = AGAINST.format(excluded="i.id = ANY(%(excluded)s)", has_needed=_HAS_NEEDED)

Values = dict[str, Any]
"""Parameters of a statement, by name."""

_TYPES = {
    "reader": "bigint", "can_sign": "boolean", "trainee": "boolean", "team": "text", "at": "timestamptz",
    "today": "date", "lease_until": "timestamptz", "minutes": "float8", "pace": "float8", "minutes_left": "float8",
    "most_minutes": "float8", "most_claims": "bigint", "suggested": "float8", "teaching": "float8",
    "sites": "bigint[]", "excluded": "bigint[]", "pools": "bigint[]", "lanes": "int[]", "modalities": "text[]",
    "regions": "text[]", "born_after": "text[]", "born_until": "text[]", "own_pools": "bigint[]",
    "own_modalities": "text[]", "own_regions": "text[]", "own_born_after": "text[]", "own_born_until": "text[]",
    "off": "boolean[]", "primary": "bigint[]", "urgent_from": "float8", "off_skill": "float8",
    "off_skill_urgent": "float8",
}  # fmt: skip
"""Of each parameter, so that one plan serves all values."""


def _typed(text: str) -> str:
    for name, kind in _TYPES.items():
        text = text.replace(f"%({name})s", f"%({name})s::{kind}")
    return text


def _heads(deep: int, *, passing: bool) -> str:
    parts = {
        "said": "''" if passing else _AGAINST,
        "passes": f"AND CASE {_AGAINST} WHEN '' THEN TRUE ELSE FALSE END" if passing else "",
        "deep": deep,
    }
    bonus = f"{BONUS} - {OFF_SKILL.format(has_skill='NOT p.off')}"
    skilled = _LANES.format(slope=repr(SLOPE), lanes=_SKILLED, here=_HERE, bonus=bonus, **parts)
    bonus = f"{BONUS} - {OFF_SKILL.format(has_skill='i.pool = ANY(%(primary)s)')}"
    everybody = _LANES.format(slope="p.slope", lanes=_SPILLED, here="i.lane = p.number", bonus=bonus, **parts)
    return f"WITH {HELD}, heads AS MATERIALIZED ({skilled} UNION ALL {everybody})"


@cache
def _claim_sql(deep: int) -> str:
    """Only the one row that is taken is locked, and rows that another reader is taking are passed over."""
    return _typed(f"""{_heads(deep, passing=True)}, best AS MATERIALIZED (
 SELECT * FROM heads WHERE (SELECT n FROM held) < %(most_claims)s
 ORDER BY score DESC, due_at, id LIMIT {6 * deep:d}
), pick AS (
 SELECT i.id FROM best JOIN worklist_readingitem i ON i.id = best.id
 WHERE i.version = best.version AND i.lane IS NOT NULL
 ORDER BY best.score DESC, best.due_at, i.id LIMIT 1 FOR UPDATE OF i SKIP LOCKED
)
{CLAIM} WHERE id = (SELECT id FROM pick) AND lane IS NOT NULL RETURNING id
""")  # noqa: S608  (pieces of ours)


@cache
def _heads_sql(deep: int, most: int) -> str:
    return _typed(f"""{_heads(deep, passing=False)}
SELECT id, score, against FROM heads ORDER BY score DESC, due_at, id LIMIT {most:d}
""")  # noqa: S608  (the same)


def _arrays(probes: Sequence[Probe], values: dict[str, Any]) -> dict[str, Any]:
    """Lists as PostgreSQL writes arrays: the driver takes several times as long to do it."""
    return {
        **values,
        "sites": _numbers(values["sites"]),
        "excluded": _numbers(values["excluded"]),
        **_skills(probes, ""),
        **_skills(values["own"], "own_"),
        "lanes": _numbers(p.lane for p in probes),
        "off": _numbers(int(p.off_skill) for p in probes),
        "primary": _numbers(values["primary"]),
    }


def _skills(probes: Sequence[Probe], prefix: str) -> dict[str, str]:
    found = {f"{prefix}pools": _numbers(p.pool for p in probes)}
    for name in ("modalities", "regions", "born_after", "born_until"):
        found[prefix + name] = _texts(getattr(p, name) for p in probes)
    return found


def _numbers(ids: Iterable[int]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


def _texts(words: Iterable[str]) -> str:
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words)
    return '{"' + '","'.join(quoted) + '"}'


def postgresql_claim(probes: Sequence[Probe], values: dict[str, Any], deep: int) -> tuple[str, Values]:
    """Claim the best of the ``deep`` heads of each lane; its id."""
    return _claim_sql(deep), _arrays(probes, values)


def postgresql_heads(probes: Sequence[Probe], values: dict[str, Any], deep: int, most: int) -> tuple[str, Values]:
    """The ``most`` best of the ``deep`` heads of each lane, whether they pass or not."""
    return _heads_sql(deep, most), _arrays(probes, values)
