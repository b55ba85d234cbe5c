"""All that there is to know of a reader who asks for a case, in one statement and what is kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection

from ris.kernel.db.prepared import fetch
from ris.people.models import User
from worklist.change_stamps import READERS, ROSTER
from worklist.rules.eligibility import ReaderNow

from .reader_standing import standing_readers
from .readers import shift_parts
from .roster import roster
from .stamps import stamps_of

_ASKING = """
SELECT (SELECT value FROM worklist_stamp WHERE name = %s), (SELECT value FROM worklist_stamp WHERE name = %s),
 (SELECT MIN(turns_at) FROM worklist_readingitem) <= %s,
 EXISTS (SELECT 1 FROM orders_order WHERE referrer_id = %s)
  OR EXISTS (SELECT 1 FROM worklist_conflict WHERE reader_id = %s),
 COUNT(*), COALESCE(SUM(reading_minutes), 0.0)
FROM worklist_readingitem WHERE reader_id = %s AND state = 'claimed'
"""


@dataclass(frozen=True, slots=True)
class Asking:
    """``conflicts``: there may be cases that the reader ordered, or whose patient is close to them."""

    reader: ReaderNow
    no_roster: bool
    turns_due: bool
    conflicts: bool


def asking_now(user: User, at: datetime) -> Asking:
    """The reader as the rules see them, and what else decides where they are to look."""
    moment = connection.ops.adapt_datetimefield_value(at)
    ((readers, duties, turns, conflicts, held, minutes),) = fetch(
        _ASKING, [READERS, ROSTER, moment, user.pk, user.pk, user.pk]
    )
    known = stamps_of(readers, duties)
    shifts = roster(known)
    standing = standing_readers([user.pk], at, known)[user.pk]
    parts = shift_parts(shifts.of(user.pk, at), at, 0.0)
    reader = replace(standing, present=True, held=held, held_minutes=minutes, **parts)  # whoever asks is here
    return Asking(reader, shifts.empty, bool(turns), bool(conflicts))
