"""What is linked with a case that was just claimed comes along."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ris.audit.services import Actor
from ris.kernel.errors import Conflict
from ris.people.models import User
from worklist import states
from worklist.events import ItemClaimed
from worklist.models import ReadingItem
from worklist.rules.eligibility import BINDING, ReaderNow, ruled_out
from worklist.rules.score import SECONDARY
from worklist.selectors.case_facts import needs_of
from worklist.selectors.linked_exams import linked_with

from ..urgency.lane_columns import NO_LANE
from .leases import LEASE, publish

FILTERS = (*BINDING, "shift's scope", "shift's end", "skill", "skipped", "full")
"""What must not be against the reader of a linked exam; a secondary skill will do."""


def claim_linked_exams(
    taken: ReadingItem, *, reader: User, reader_now: ReaderNow, actor: Actor, at: datetime
) -> list[ReadingItem]:
    """Claim, in the caller's transaction, what is linked with ``taken`` and fits its reader; the items.

    ``reader_now``: the reader without ``taken``. As many as the caps allow, the most urgent first.
    One that another reader takes at this moment is left to them.
    """
    claimed = []
    held, minutes = reader_now.held + 1, reader_now.held_minutes + taken.reading_minutes
    for item in linked_with(taken):
        needs = needs_of(item, at)
        now = replace(reader_now, held=held, held_minutes=minutes)
        if ruled_out(now, replace(needs, reach=max(needs.reach, SECONDARY)), only=_filters(reader_now)):
            continue
        columns = {"reader": reader, "claimed_at": at, "lease_until": at + LEASE, "claimed_with": taken}
        try:
            other = ReadingItem.objects.take(states.CLAIM, item.pk, **columns, **NO_LANE)
        except Conflict:
            continue
        event = ItemClaimed(stream=other.accession, at=at, item_id=other.pk, reader_id=reader.pk)
        claimed.append(publish(other, event, actor, reason="linked", claimed_with=taken.pk))
        held, minutes = held + 1, minutes + item.reading_minutes
    return claimed


def _filters(reader_now: ReaderNow) -> tuple[str, ...]:
    """Off shift there is no end of it to look to."""
    return FILTERS if reader_now.minutes_left is not None else tuple(name for name in FILTERS if name != "shift's end")
