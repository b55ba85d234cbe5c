"""What the statements of *next case* have in common on both databases: see ``next_sql``."""

from __future__ import annotations

from dataclasses import dataclass

from worklist.rules.lanes import PRIMARY, lane_slope


@dataclass(frozen=True, slots=True)
class Probe:
    """Look into one lane of one pool. ``,CT,MR,`` narrows, the empty text does not.

    So do the days of birth, ISO; a patient whose own is not known fits whatever they are.
    """

    pool: int
    lane: int
    modalities: str = ""
    regions: str = ""
    born_after: str = ""
    born_until: str = ""


SLOPE = lane_slope(PRIMARY)
"""Of the two lanes that belong to those with the skill; the others have their own."""

# The first of the filters that rules an item out, by its name in worklist.rules.eligibility; empty: it passes.
AGAINST = """CASE
 WHEN {excluded} THEN 'own order'
 WHEN i.reserved_for_id <> %(reader)s THEN 'reserved'
 WHEN i.preliminary_by_id IS NOT NULL AND NOT %(can_sign)s THEN 'signer'
 WHEN i.preliminary_by_id = %(reader)s THEN 'own preliminary'
 WHEN i.team_until > %(at)s AND i.team <> %(team)s THEN 'team'
 WHEN i.urgency > 1 AND i.reading_minutes * %(pace)s > %(minutes_left)s THEN 'shift''s end'
 WHEN (SELECT n FROM held) > 0 AND (SELECT m FROM held) + i.reading_minutes > %(most_minutes)s THEN 'full'
 WHEN EXISTS (SELECT 1 FROM worklist_skip s WHERE s.reader_id = %(reader)s AND s.item_id = i.id) THEN 'skipped'
 ELSE '' END"""

BONUS = """(CASE WHEN i.assigned_to_id = %(reader)s THEN %(suggested)s ELSE 0.0 END
 + CASE WHEN i.teaching AND %(trainee)s THEN %(teaching)s ELSE 0.0 END)"""

HELD = """held AS MATERIALIZED (
 SELECT COUNT(*) AS n, COALESCE(SUM(reading_minutes), 0.0) AS m
 FROM worklist_readingitem WHERE reader_id = %(reader)s AND state = 'claimed'
)"""

CLAIM = """
UPDATE worklist_readingitem SET state = 'claimed', version = version + 1, reader_id = %(reader)s,
 claimed_at = %(at)s, lease_until = %(lease_until)s, lane = NULL, turns_at = NULL
"""

AGE = """EXISTS (SELECT 1 FROM orders_requestedprocedure q JOIN orders_order o ON o.id = q.order_id
 JOIN patients_patient w ON w.id = o.patient_id WHERE q.id = i.procedure_id AND (w.birth_date IS NULL
 OR ({after} = '' OR w.birth_date > {after_day}) AND ({until} = '' OR w.birth_date <= {until_day})))"""
