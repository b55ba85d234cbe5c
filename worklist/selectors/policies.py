"""The numbers of the score: those in force, and the versions that a lead may look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import Count, F, Q

from worklist.models import ReadingItem, ScorePolicy
from worklist.rules.policy import PRESET, Policy, read_policy

from .stamps import Stamps, stamps


def policy_in_force(known: Stamps | None = None) -> Policy:
    """The policy as the database has it now, kept in memory until somebody changes it. ``known``: stamps just read."""
    known = known or stamps()
    return _load(known.database, known.readers)


@lru_cache(maxsize=4)
def _load(database: str, stamp: str | None) -> Policy:
    row = ScorePolicy.objects.filter(state=ScorePolicy.LIVE).first()
    return read_policy(row.values) if row else PRESET


MOST_WEEKS = 12


@dataclass(frozen=True, slots=True)
class Week:
    """What came of the cases that were finished in the week from ``begin`` (UTC)."""

    begin: datetime
    cases: int
    late: int
    stat: int
    stat_late: int

    @property
    def breaches(self) -> float:
        """Percent of the cases."""
        return 100.0 * self.late / self.cases if self.cases else 0.0

    @property
    def stat_breaches(self) -> float:
        """Percent of the critical and STAT cases."""
        return 100.0 * self.stat_late / self.stat if self.stat else 0.0


def weeks_since(begin: datetime, at: datetime) -> Iterator[Week]:
    """The weeks since a policy came into force, the latest first, at most MOST_WEEKS: what came, beside what was
    expected."""
    number = min(int((at - begin) / timedelta(weeks=1)) + 1, MOST_WEEKS)
    late, stat = Q(finished_at__gt=F("due_at")), Q(urgency__lte=2)
    for n in range(number):
        until = at - n * timedelta(weeks=1)
        since = max(until - timedelta(weeks=1), begin)
        found = ReadingItem.objects.filter(finished_at__gt=since, finished_at__lte=until).aggregate(
            cases=Count("pk"),
            late=Count("pk", filter=late),
            stat=Count("pk", filter=stat),
            stat_late=Count("pk", filter=late & stat),
        )
        yield Week(since, found["cases"], found["late"], found["stat"], found["stat_late"])
