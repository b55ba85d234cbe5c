"""The round that finds what time has brought about. Any number may go round at once; each thing happens once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from ris.kernel import doorbell
from worklist import states
from worklist.live_bell import WORKLIST
from worklist.models import ReadingItem
from worklist.rules.eligible import ReaderNow
from worklist.selectors.readers import readers_now

from .assign import suggest
from .claims import expire_leases, resume_due
from .escalate import climb_due, widen_uncovered
from .facts_change import expire_ai
from .offers import lapse_due
from .places import turn_due

SUGGEST_AGAIN = timedelta(minutes=5)
"""A waiting case whose suggested reader has left, or that has none, is looked at again so often."""


def sweep_all(*, at: datetime) -> dict[str, int]:
    """One round; how many of each there were."""
    readers = readers_now(at)
    done = {
        "expired": expire_leases(at),
        "resumed": resume_due(at),
        "turned": turn_due(at),
        "ai results expired": expire_ai(at),
        "climbed": climb_due(at),
        "widened": widen_uncovered(at, readers),
        "offers lapsed": lapse_due(at),
        "suggested": suggest_again(at, readers),
    }
    if any(done.values()):
        doorbell.ring(WORKLIST)
    return done


def suggest_again(at: datetime, readers: list[ReaderNow], *, limit: int = 200) -> int:
    """Suggest a reader for waiting cases that have none on shift; how many got one."""
    if not readers:
        return 0
    here = [reader.id for reader in readers]
    without = Q(assigned_to__isnull=True) | ~Q(assigned_to__in=here)
    old = Q(assigned_at__isnull=True) | Q(assigned_at__lte=at - SUGGEST_AGAIN)
    waiting = ReadingItem.objects.filter(without & old, state__in=states.WAITING, lane__isnull=False)
    found = 0
    for pk in list(waiting.order_by("urgency", "due_at").values_list("pk", flat=True)[:limit]):
        found += suggest(pk, at=at, readers=readers) is not None
    return found
