"""Who asks for the next case, where it is looked for, and the SQL that the statements of both databases share.

The filters are those of ``worklist.rules.eligibility`` once more;
``tests/worklist/services/test_one_eligibility.py`` holds the two equal on both databases. Change one, and that test
names the case in which they differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection

from ris.kernel.db.prepared import fetch
from ris.people.models import User
from worklist.change_stamps import READERS, ROSTER, stamps_of
from worklist.rules.eligibility import ReaderNow
from worklist.rules.policy import Policy
from worklist.rules.score import PRIMARY, SECONDARY
from worklist.selectors.readers import shift_fields, standing_readers
from worklist.selectors.roster import roster
from worklist.selectors.rules_in_force import policy_in_force

# One statement for all that decides where to look: each further one would be a round trip before the claim.
_ASKING = """
SELECT (SELECT value FROM worklist_stamp WHERE name = %s), (SELECT value FROM worklist_stamp WHERE name = %s),
 (SELECT MIN(turns_at) FROM worklist_readingitem) <= %s,
 EXISTS (SELECT 1 FROM orders_order WHERE referrer_id = %s)
  OR EXISTS (SELECT 1 FROM worklist_conflict WHERE reader_id = %s),
 COUNT(*), COALESCE(SUM(reading_minutes), 0.0)
FROM worklist_readingitem WHERE reader_id = %s AND state = 'claimed'
"""


@dataclass(frozen=True, slots=True)
class Requester:
    """``conflicts``: there may be cases that the reader ordered, or whose patient is close to them."""

    reader: ReaderNow
    no_roster: bool
    turns_due: bool
    conflicts: bool
    policy: Policy


def requester_now(user: User, at: datetime) -> Requester:
    """The reader as the rules see them, and what else decides where they are to look."""
    moment = connection.ops.adapt_datetimefield_value(at)
    ((readers, duties, turns, conflicts, held, minutes),) = fetch(
        _ASKING, [READERS, ROSTER, moment, user.pk, user.pk, user.pk]
    )
    stamps = stamps_of(readers, duties)
    shifts = roster(stamps)
    standing = standing_readers([user.pk], at, stamps)[user.pk]
    parts = shift_fields(shifts.of(user.pk, at), at, 0.0)
    reader = replace(standing, present=True, held=held, held_minutes=minutes, **parts)  # whoever asks is here
    return Requester(reader, shifts.empty, bool(turns), bool(conflicts), policy_in_force(stamps))


@dataclass(frozen=True, slots=True)
class Probe:
    """Look into one lane of one pool. ``,CT,MR,`` narrows, the empty text does not.

    So do the days of birth (ISO 8601). A patient whose own is not known, or is yet to come, fits whatever they are.
    """

    pool: int
    lane: int
    modalities: str = ""
    regions: str = ""
    born_after: str = ""
    born_until: str = ""
    off_skill: bool = False
    """The reader has the secondary skill, and gives way to those with the primary one."""


# The first of the filters that rules an item out, by its name in worklist.rules.eligibility; empty: it passes.
AGAINST = """CASE
 WHEN {excluded} THEN 'own order'
 WHEN i.reserved_for_id <> %(reader)s THEN 'reserved'
 WHEN i.skill_needed_id IS NOT NULL AND NOT {has_needed} THEN 'skill needed'
 WHEN i.state = 'preliminary' AND NOT %(can_sign)s THEN 'signer'
 WHEN i.preliminary_by_id = %(reader)s AND (i.second_reader OR i.state = 'preliminary') THEN 'own preliminary'
 WHEN i.state = 'preliminary' AND i.team_until > %(at)s AND i.team <> '' AND i.team <> %(team)s THEN 'team'
 WHEN i.urgency > 1 AND i.reading_minutes * %(pace)s > %(minutes_left)s THEN 'shift''s end'
 WHEN (SELECT n FROM held) > 0 AND (SELECT m FROM held) + i.reading_minutes > %(most_minutes)s THEN 'full'
 WHEN EXISTS (SELECT 1 FROM worklist_skip s WHERE s.reader_id = %(reader)s AND s.item_id = i.id) THEN 'skipped'
 ELSE '' END"""

BONUS = """(CASE WHEN i.assigned_to_id = %(reader)s THEN %(suggested)s ELSE 0.0 END
 + CASE WHEN i.teaching AND %(trainee)s THEN %(teaching)s ELSE 0.0 END)"""

OFF_SKILL = """(CASE WHEN {has_skill} THEN 0.0
 WHEN i.weight >= %(urgent_from)s THEN %(off_skill_urgent)s ELSE %(off_skill)s END)"""
"""What a reader without the primary skill loses of the score (``worklist.rules.policy``)."""

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
 OR w.birth_date > %(today)s
 OR ({after} = '' OR w.birth_date > {after_day}) AND ({until} = '' OR w.birth_date <= {until_day})))"""


def probes_of(reader: ReaderNow, day: date) -> list[Probe]:
    """Where this reader may look before cases are for everybody: in the lanes of their own skills."""
    found = []
    for probe in skill_probes(reader, day):
        if reader.shift_pools is None or probe.pool in reader.shift_pools:
            found += [probe, replace(probe, lane=SECONDARY)]
    if reader.shift_pools is None:  # what no subspecialty is known of
        found += [Probe(0, PRIMARY), Probe(0, SECONDARY)]
    return found


def skill_probes(reader: ReaderNow, day: date) -> list[Probe]:
    """Each skill of the reader, whatever their shift is for, as a probe of its lane PRIMARY."""
    return [
        Probe(
            skill.pool,
            PRIMARY,
            modalities=_words(skill.modalities),
            regions=_words(skill.regions),
            born_after="" if skill.oldest is None else _years_before(day, skill.oldest + 1),
            born_until="" if skill.youngest is None else _years_before(day, skill.youngest),
            off_skill=skill.level > 1,
        )
        for skill in reader.skills
    ]


def _words(values: frozenset[str]) -> str:
    return f",{','.join(sorted(values))}," if values else ""


def _years_before(day: date, years: int) -> str:
    """The last day of birth (ISO 8601) of somebody who is so old on ``day``."""
    year = max(day.year - years, 1)  # a skill may say "from 3,000 years on"; there is no year 0
    try:
        return day.replace(year=year).isoformat()
    except ValueError:  # 29 February, in a year without it
        return day.replace(year=year, day=28).isoformat()
