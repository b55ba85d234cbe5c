"""Taking a case: by hand, from the reader who holds it, and with it the exams that are linked with it.

Every change is a guarded UPDATE, so of any number who race one wins. How a claim is kept up and ends: ``leases``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Forbidden, NotFound
from ris.kernel.events import Event, emit
from ris.kernel.values import read_reason
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import states
from worklist.events import WORKLIST_BELL, ItemClaimed, ItemTakenOver
from worklist.models import Offer, ReaderProfile, ReadingItem
from worklist.rules.eligibility import BINDING, FILTERS, ReaderNow, ruled_out
from worklist.rules.score import SECONDARY
from worklist.selectors.case_facts import needs_of
from worklist.selectors.linked_exams import held_together, linked_with
from worklist.selectors.readers import reader_now

from ..urgency.item_price import NO_LANE
from ..urgency.updates import resume_clock

LEASE = timedelta(minutes=10)
"""A claim ends so long after the last sign of life."""

LINKED_FILTERS = (*BINDING, "shift's scope", "shift's end", "skill", "skipped", "full")
"""What must not be against the reader of a linked exam; a secondary skill will do."""


@transaction.atomic
def claim(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """Reserve an item that waits (or is parked) for one reader, picked by hand, and what is linked with it.

    Of two who race one wins; the other gets Conflict. Raises Conflict too when the reader holds as many
    as allowed, Forbidden when they may not read this one whoever asks, NotFound when it is not at their sites.
    """
    lock_name(f"reader:{reader.pk}")  # or two claims at once could each see room for one more
    item = readable_item(item_id, reader)
    freed = _end_offer(item, reader, at)  # first: its reservation would rule the reader out
    state_before = require_eligible(item, reader, at)
    require_room(reader, item.reading_minutes)
    held: dict[str, Any] = {"reader": reader, "claimed_at": at, "lease_until": at + LEASE, "parked_until": None}
    taken = ReadingItem.objects.take(states.CLAIM, item_id, **held, **freed, **NO_LANE)
    resume_clock(item_id, actor=actor, at=at)
    publish(taken, ItemClaimed(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)
    claim_linked_exams(taken, reader=reader, reader_now=state_before, actor=actor, at=at)
    return taken


def readable_item(item_id: int, reader: User) -> ReadingItem:
    """The item, with its patient. Raises NotFound when their sites have none such, Forbidden without the role."""
    item = ReadingItem.objects.select_related("procedure__order__patient").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    return item


def _end_offer(item: ReadingItem, reader: User, at: datetime) -> dict[str, Any]:
    """Whoever picks a case by hand that is being offered to another is quicker: the offer lapses."""
    open_ = Offer.objects.filter(item=item, outcome=Offer.OPEN).exclude(reader=reader)
    if not open_.update(outcome=Offer.LAPSED, answered_at=at):
        return {}
    item.reserved_for = None
    return {"reserved_for": None}


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


def publish(item: ReadingItem, event: Event, actor: Actor, *, reason: str = "", **detail: Any) -> ReadingItem:
    """Write the fact and the audit row, ring the bell after commit."""
    emit(event)
    patient_id = item.procedure.order.patient_id
    # The audit keeps these words, such as item.takenover: renaming a kind of event would split its history.
    action = "item." + event.kind.removeprefix("Item").lower()
    record(actor, action, item, patient_id=patient_id, reason=reason.strip(), at=event.at, **detail)
    doorbell.ring(WORKLIST_BELL)
    return item


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
        # SECONDARY at least: one reader for both exams is worth more than the primary skill for each.
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


def claim_along(item_id: int, others: list[int], *, at: datetime) -> None:
    """Claim, in the caller's transaction, what must be read with a claimed item; no caps and skills.

    One that another reader holds is left to them.
    """
    first = ReadingItem.objects.select_related("reader").get(pk=item_id)
    reader, along = first.reader, first.claimed_with_id or first.pk
    if reader is None:
        return
    for pk in ReadingItem.objects.filter(pk__in=others, lane__isnull=False).order_by("pk").values_list("pk", flat=True):
        columns = {"reader": reader, "claimed_at": at, "lease_until": at + LEASE, "claimed_with_id": along}
        try:
            other = ReadingItem.objects.take(states.CLAIM, pk, **columns, **NO_LANE)
        except Conflict:
            continue
        event = ItemClaimed(stream=other.accession, at=at, item_id=pk, reader_id=reader.pk)
        publish(other, event, Actor.of_user(reader), reason="common report", claimed_with=along)


def hold_together(item_id: int, other_id: int, *, reader: User) -> None:
    """Two cases that the reader holds live on, are released and are taken over together from now on."""
    mine = ReadingItem.objects.filter(reader=reader, state=states.CLAIMED)
    first = mine.filter(pk=item_id).values_list("claimed_with", flat=True).first() or item_id
    mine.filter(Q(pk=other_id) | Q(claimed_with=other_id)).exclude(pk=first).update(claimed_with=first)


def _filters(reader_now: ReaderNow) -> tuple[str, ...]:
    """Off shift there is no end of it to look to."""
    on_shift = reader_now.minutes_left is not None
    return tuple(name for name in LINKED_FILTERS if on_shift or name != "shift's end")


@transaction.atomic
def take_over(item_id: int, *, reader: User, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Take a case from the reader who holds it, with a reason that is audited; the whole draft comes with it.

    So does what they claimed along with it, as far as this reader may read it and has room. Of several who race one
    gets it from the present holder, and the others Conflict.
    """
    read_reason(reason, "Say why you take this case over.")
    # The name before the rows: next_case and claim take both in this order, so none waits in a ring.
    lock_name(f"reader:{reader.pk}")
    item = readable_item(item_id, reader)
    if item.reader_id == reader.pk:
        raise Conflict("You hold this case already.")
    eligible = require_eligible(item, reader, at)
    require_room(reader, item.reading_minutes)
    together = held_together(item) if item.state == states.CLAIMED else []
    taken = _take_over(item, reader, reason, actor, at, None)
    for other in together:
        if other.pk == item_id or ruled_out(eligible, needs_of(other, at), only=BINDING):
            continue
        try:
            require_room(reader, other.reading_minutes)
        except Conflict:  # the asked-for case is taken all the same; the rest stays with its reader
            break
        _take_over(other, reader, reason, actor, at, taken)
    return taken


def _take_over(
    item: ReadingItem, reader: User, reason: str, actor: Actor, at: datetime, along_with: ReadingItem | None
) -> ReadingItem:
    held = ReadingItem.objects.filter(reader=item.reader_id)
    columns: dict[str, Any] = {"reader": reader, "claimed_at": at, "lease_until": at + LEASE}
    taken = held.take(states.TAKE_OVER, item.pk, **columns, claimed_with=along_with)
    event = ItemTakenOver(
        stream=taken.accession, at=at, item_id=item.pk, reader_id=reader.pk, from_reader_id=item.reader_id or 0
    )
    return publish(taken, event, actor, reason=reason, from_reader=item.reader_id)
