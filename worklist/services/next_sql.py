"""The statement that chooses the next case and claims it, for both databases.

It looks at the heads of the lanes that the reader may read from (a few index probes, whatever the number of
open items), takes the best by score at this moment, and claims it under the guard that it still waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from worklist.models import Lane


@dataclass(frozen=True, slots=True)
class Probe:
    """Look into the lanes of one pool, from a reach on; ``,CT,MR,`` narrows, the empty text does not."""

    pool: int
    reach: int
    modalities: str = ""
    regions: str = ""


def claim_best(probes: Sequence[Probe], values: dict[str, Any]) -> int | None:
    """Claim the best item that the probes find and the filters in ``values`` let pass; its id, or None."""
    if not values["sites"]:
        return None
    if connection.vendor == "postgresql":
        sql, parameters = _postgres(probes, values)
    else:
        sql, parameters = _sqlite(probes, values)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return row[0] if row else None


_SCORE = """
 CASE WHEN i.assigned_to_id = %(reader)s THEN %(suggested)s ELSE 0.0 END
 + CASE WHEN i.teaching AND %(trainee)s THEN %(teaching)s ELSE 0.0 END
"""

_PASSES = """
 AND (i.reading_minutes * %(pace)s <= %(minutes_left)s OR i.urgency = 1)
 AND i.reading_minutes <= %(minutes_free)s
 AND (i.reserved_for_id IS NULL OR i.reserved_for_id = %(reader)s)
 AND (i.preliminary_by_id IS NULL OR (%(can_sign)s AND i.preliminary_by_id <> %(reader)s))
 AND NOT EXISTS (SELECT 1 FROM worklist_skip s WHERE s.reader_id = %(reader)s AND s.item_id = i.id)
"""

_CLAIM = """
UPDATE worklist_readingitem SET state = 'claimed', version = version + 1, reader_id = %(reader)s,
 claimed_at = %(at)s, lease_until = %(lease_until)s, lane = NULL, turns_at = NULL
"""

# Only the one row that is taken is locked, and rows that another reader is taking are passed over. The
# heads are read without locks, so nobody hides a case from others while looking at it.
_POSTGRES = f"""
WITH probes AS MATERIALIZED (
 SELECT u.pool, l.number AS lane, l.slope, u.modalities, u.regions
 FROM unnest(%(pools)s::bigint[], %(reaches)s::int[], %(modalities)s::text[], %(regions)s::text[])
  AS u(pool, reach, modalities, regions)
 JOIN worklist_lane l ON l.reach >= u.reach
), heads AS MATERIALIZED (
 SELECT h.id, h.rank + p.slope * %(minutes)s::float8 + h.bonus AS score, h.due_at
 FROM probes p CROSS JOIN LATERAL (
  SELECT i.id, i.rank, i.due_at, {_SCORE} AS bonus FROM worklist_readingitem i
  WHERE i.pool = p.pool AND i.lane = p.lane AND i.site_id = ANY(%(sites)s) AND i.id <> ALL(%(excluded)s)
   AND (p.modalities = '' OR position(',' || i.modality || ',' IN p.modalities) > 0)
   AND (p.regions = '' OR position(',' || i.region || ',' IN p.regions) > 0)
   {_PASSES}
  ORDER BY i.rank DESC LIMIT %(deep)s
 ) h
 ORDER BY score DESC, h.due_at LIMIT %(deep)s * 16
), pick AS (
 SELECT i.id FROM heads JOIN worklist_readingitem i ON i.id = heads.id
 WHERE i.lane IS NOT NULL ORDER BY heads.score DESC, heads.due_at, i.id LIMIT 1 FOR UPDATE OF i SKIP LOCKED
)
{_CLAIM} WHERE id = (SELECT id FROM pick) AND lane IS NOT NULL RETURNING id
"""  # noqa: S608  (pieces of ours)


def _postgres(probes: Sequence[Probe], values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return _POSTGRES, {
        **values,
        "pools": [p.pool for p in probes],
        "reaches": [p.reach for p in probes],
        "modalities": [p.modalities for p in probes],
        "regions": [p.regions for p in probes],
    }


def _sqlite(probes: Sequence[Probe], values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The same as a union of probes. Ids and lane numbers are integers of ours, written into the text."""
    lanes = list(Lane.objects.values_list("number", "reach", "slope"))
    parameters, branches = dict(values), []
    sites = ",".join(str(int(pk)) for pk in values["sites"])
    excluded = ",".join(str(int(pk)) for pk in values["excluded"])
    for n, probe in enumerate(probes):
        narrowed = ""
        for column, words in (("modality", probe.modalities), ("region", probe.regions)):
            if words:
                parameters[f"{column}_{n}"] = words
                narrowed += f" AND instr(%({column}_{n})s, ',' || i.{column} || ',') > 0"
        branches += [
            f"SELECT * FROM (SELECT i.id, i.due_at, i.rank + {slope!r} * %(minutes)s + {_SCORE} AS score"  # noqa: S608
            f" FROM worklist_readingitem i WHERE i.pool = {probe.pool:d} AND i.lane = {lane:d}"
            f" AND i.site_id IN ({sites}) AND i.id NOT IN ({excluded}){narrowed} {_PASSES}"
            f" ORDER BY i.rank DESC LIMIT %(deep)s)"
            for lane, reach, slope in lanes
            if reach >= probe.reach
        ]
    if not branches:
        return f"{_CLAIM} WHERE 0 RETURNING id", values
    heads = " UNION ALL ".join(branches)
    pick = f"SELECT id FROM ({heads}) ORDER BY score DESC, due_at, id LIMIT 1"  # noqa: S608  (the same)
    return f"{_CLAIM} WHERE id = ({pick}) AND lane IS NOT NULL RETURNING id", parameters
