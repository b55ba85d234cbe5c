"""What every change of hands needs: who may see and take a case, how it goes back, how it is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel import doorbell
from ris.kernel.errors import Conflict, Forbidden, NotFound
from ris.kernel.events import Event, emit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import states
from worklist.live_bell import WORKLIST
from worklist.models import ReaderProfile, ReadingItem
from worklist.rules.eligibility import BINDING, FILTERS, ReaderNow, ruled_out
from worklist.selectors.case_facts import needs_of
from worklist.selectors.readers import reader_now

from ..urgency.facts import resume_clock
from ..urgency.lanes import standing

LEASE = timedelta(minutes=10)
"""A claim ends so long after the last sign of life."""

SWEEP = Actor.job("sweep")

FREE: dict[str, Any] = {"reader": None, "lease_until": None, "claimed_with": None}
"""Columns of an item that nobody holds."""


def visible(item_id: int, reader: User) -> ReadingItem:
    """The item, with its patient. Raises NotFound when their sites have none such, Forbidden without the role."""
    item = ReadingItem.objects.select_related("procedure__order__patient").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    return item


def refuse_unfit(item: ReadingItem, reader: User, at: datetime) -> ReaderNow:
    """Raise Forbidden when the reader may not take this case whoever asks; else the reader, as the rules see them."""
    asking = reader_now(reader, at)
    against = ruled_out(asking, needs_of(item, at), only=BINDING)
    if against:
        raise Forbidden(f"You cannot take this case: the reader {FILTERS[against[0]][0]}.", code="not-eligible")
    return asking


def refuse_full(reader: User, reading_minutes: float) -> None:
    """Raise Conflict when one more case would be more than the reader may hold at a time."""
    profile = ReaderProfile.objects.filter(user=reader).first() or ReaderProfile()
    held = ReadingItem.objects.filter(reader=reader, state=states.CLAIMED)
    count, minutes = held.count(), held.aggregate(total=Sum("reading_minutes"))["total"] or 0.0
    if count >= profile.most_claims or (count and minutes + reading_minutes > profile.most_minutes):
        raise Conflict(f"You hold {count} cases already; finish or release one first.", code="claims-full")


def give_back(item_id: int, at: datetime, **guard: Any) -> ReadingItem:
    """CLAIMED → waiting, for the signer where there is a preliminary report. ``guard`` narrows the UPDATE."""
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    step = states.RELEASE_TO_SIGNER if item.preliminary_by_id else states.RELEASE
    held = ReadingItem.objects.filter(preliminary_by=item.preliminary_by_id, **guard)
    taken = held.take(step, item_id, **FREE, **standing(item, at))
    return taken.reread() if resume_clock(item_id, actor=SWEEP, at=at) else taken


def say(item: ReadingItem, event: Event, actor: Actor, *, reason: str = "", **detail: Any) -> ReadingItem:
    """Write the fact and the audit row, ring the bell after commit."""
    emit(event)
    patient_id = item.procedure.order.patient_id
    action = "item." + event.kind.removeprefix("Item").lower()
    record(actor, action, item, patient_id=patient_id, reason=reason.strip(), at=event.at, **detail)
    doorbell.ring(WORKLIST)
    return item
