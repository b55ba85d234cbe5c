"""Claims live by signs of life, and end without."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from ris.kernel.errors import Conflict
from ris.people.models import User
from worklist import states
from worklist.events import ItemReleased
from worklist.models import ReadingItem

from .holding import LEASE, SWEEP, give_back, say


def extend_lease(item_id: int, *, reader: User, at: datetime) -> bool:
    """A sign of life from the reader: the claim lives on for another LEASE, and those that were made along with it.

    False when it is theirs no more.
    """
    mine = ReadingItem.objects.filter(reader=reader, state=states.CLAIMED)
    if not mine.filter(pk=item_id).update(lease_until=at + LEASE):
        return False
    first = ReadingItem.objects.filter(pk=item_id).values("claimed_with")
    along = mine.filter(Q(claimed_with=item_id) | Q(claimed_with__in=first) | Q(pk__in=first)).exclude(pk=item_id)
    for pk in list(along.order_by("pk").values_list("pk", flat=True)):
        mine.filter(pk=pk).update(lease_until=at + LEASE)
    return True


def expire_leases(at: datetime, *, limit: int = 200) -> int:
    """Return the cases whose lease ran out, drafts kept; how many there were. Any number may sweep at once."""
    over = ReadingItem.objects.filter(state=states.CLAIMED, lease_until__lte=at).order_by("lease_until")
    return sum(_expire(pk, at) for pk in list(over.values_list("pk", flat=True)[:limit]))


@transaction.atomic
def _expire(item_id: int, at: datetime) -> bool:
    item = ReadingItem.objects.filter(pk=item_id, state=states.CLAIMED, lease_until__lte=at).first()
    if item is None:
        return False
    try:  # the guard repeats the condition: a heartbeat may come between
        taken = give_back(item_id, at, lease_until__lte=at, reader=item.reader_id)
    except Conflict:
        return False
    event = ItemReleased(stream=taken.accession, at=at, item_id=item_id, reader_id=item.reader_id or 0, expired=True)
    say(taken, event, SWEEP, reason="lease expired", reader=item.reader_id)
    return True
