"""What every change of hands needs: who may see and take a case, how it goes back, how it is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.errors import Conflict, Forbidden, NotFound
from ris.kernel.events import Event, emit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import states
from worklist.events import WORKLIST_BELL, ItemReleased
from worklist.models import ReaderProfile, ReadingItem
from worklist.rules.eligibility import BINDING, FILTERS, ReaderNow, ruled_out
from worklist.selectors.case_facts import needs_of
from worklist.selectors.readers import reader_now

from ..urgency.lane_columns import lane_columns
from ..urgency.updates import resume_clock

LEASE = timedelta(minutes=10)
"""A claim ends so long after the last sign of life."""

SWEEP = Actor.job("sweep")

FREE: dict[str, Any] = {"reader": None, "lease_until": None, "claimed_with": None}
"""Columns of an item that nobody holds."""


def readable_item(item_id: int, reader: User) -> ReadingItem:
    """The item, with its patient. Raises NotFound when their sites have none such, Forbidden without the role."""
    item = ReadingItem.objects.select_related("procedure__order__patient").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    return item


def require_eligible(item: ReadingItem, reader: User, at: datetime) -> ReaderNow:
    """Raise Forbidden when the reader may not take this case whoever asks; else the reader, as the rules see them."""
    eligible = reader_now(reader, at)
    against = ruled_out(eligible, needs_of(item, at), only=BINDING)
    if against:
        raise Forbidden(f"You cannot take this case: the reader {FILTERS[against[0]][0]}.", code="not-eligible")
    return eligible


def require_room(reader: User, reading_minutes: float) -> None:
    """Raise Conflict when one more case would be more than the reader may hold at a time."""
    profile = ReaderProfile.objects.filter(user=reader).first() or ReaderProfile()
    held = ReadingItem.objects.filter(reader=reader, state=states.CLAIMED)
    count, minutes = held.count(), held.aggregate(total=Sum("reading_minutes"))["total"] or 0.0
    if count >= profile.most_claims or (count and minutes + reading_minutes > profile.most_minutes):
        raise Conflict(f"You hold {count} cases already; finish or release one first.", code="claims-full")


def return_item(item_id: int, at: datetime, **guard: Any) -> ReadingItem:
    """CLAIMED → waiting, for the signer where there is a preliminary report. ``guard`` narrows the UPDATE."""
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    step = states.RELEASE_TO_SIGNER if item.preliminary_by_id else states.RELEASE
    held = ReadingItem.objects.filter(preliminary_by=item.preliminary_by_id, **guard)
    taken = held.take(step, item_id, **FREE, **lane_columns(item, at))
    return taken.reread() if resume_clock(item_id, actor=SWEEP, at=at) else taken


def publish(item: ReadingItem, event: Event, actor: Actor, *, reason: str = "", **detail: Any) -> ReadingItem:
    """Write the fact and the audit row, ring the bell after commit."""
    emit(event)
    patient_id = item.procedure.order.patient_id
    action = "item." + event.kind.removeprefix("Item").lower()
    record(actor, action, item, patient_id=patient_id, reason=reason.strip(), at=event.at, **detail)
    doorbell.ring(WORKLIST_BELL)
    return item


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
        taken = return_item(item_id, at, lease_until__lte=at, reader=item.reader_id)
    except Conflict:
        return False
    event = ItemReleased(stream=taken.accession, at=at, item_id=item_id, reader_id=item.reader_id or 0, expired=True)
    publish(taken, event, SWEEP, reason="lease expired", reader=item.reader_id)
    return True
