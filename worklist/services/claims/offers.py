"""Pushing the most urgent cases to one reader at a time, who accepts, declines, or lets it lapse."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from ris.audit.services import Actor
from ris.kernel import doorbell
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.people.models import User
from worklist import states
from worklist.events import WORKLIST_BELL, ItemOffered
from worklist.models import Offer, ReadingItem
from worklist.rules.eligibility import MOST_URGENT
from worklist.selectors.case_facts import needs_of
from worklist.selectors.readers import readers_now, seen_lately

from ..assignment import choose_reader, with_order
from .claim import claim
from .deferral import skip

ANSWER_WITHIN = timedelta(seconds=60)
UNANSWERED_ALARM = "offer-unanswered"


@transaction.atomic
def offer_item(item_id: int, *, at: datetime) -> Offer | None:
    """Offer a most urgent waiting case to the best reader who was not asked yet; None when there is nobody.

    Asked first are those who have a page of the worklist open. Until they answer (a minute at most) nobody else is
    *given* it, though whoever picks it by hand is quicker.
    One offer stands at a time, whoever sweeps.
    """
    item = with_order.first(item_id)
    if item is None or item.state not in states.WAITING or item.urgency > MOST_URGENT:
        return None
    if Offer.objects.filter(item=item, outcome=Offer.OPEN).exists():
        return None
    asked = set(Offer.objects.filter(item=item).values_list("reader", flat=True))
    willing = [reader for reader in readers_now(at) if reader.accepts_push and reader.id not in asked]
    needs, there = needs_of(item, at), seen_lately(at)
    best, _ = choose_reader(needs, [reader for reader in willing if reader.id in there])
    if best is None:  # of those who can read it nobody has a page open: whoever is on the roster
        best, _ = choose_reader(needs, willing)
    if best is None:
        if asked:
            raise_alarm(UNANSWERED_ALARM, item.accession, detail=f"{len(asked)} readers were asked", at=at)
        return None
    try:
        with transaction.atomic():
            offer = Offer.objects.create(item=item, reader_id=best.id, offered_at=at, until=at + ANSWER_WITHIN)
    except IntegrityError:
        return None
    ReadingItem.objects.filter(pk=item_id).update(reserved_for=best.id, assigned_to=best.id, version=F("version") + 1)
    until = offer.until.isoformat()
    emit(ItemOffered(stream=item.accession, at=at, item_id=item_id, reader_id=best.id, until=until))
    doorbell.ring(WORKLIST_BELL)
    return offer


def _close_offer(offer: Offer, outcome: str, at: datetime) -> None:
    """OPEN → outcome, once; the reservation goes with it."""
    if not Offer.objects.filter(pk=offer.pk, outcome=Offer.OPEN).update(outcome=outcome, answered_at=at):
        raise Conflict("This offer is over.")
    ReadingItem.objects.filter(pk=offer.item_id, reserved_for=offer.reader_id).update(
        reserved_for=None, version=F("version") + 1
    )


def _offer_to(offer_id: int, reader: User) -> Offer:
    offer = Offer.objects.filter(pk=offer_id, reader=reader).first()
    if offer is None:
        raise NotFound("There is no such offer to you.")
    return offer


@transaction.atomic
def accept_offer(offer_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """Claim what was offered. Raises Conflict when the offer is over or the case is not to be had any more."""
    offer = _offer_to(offer_id, reader)
    _close_offer(offer, Offer.ACCEPTED, at)
    return claim(offer.item_id, reader=reader, actor=actor, at=at)


@transaction.atomic
def decline_offer(offer_id: int, *, reader: User, reason: str, actor: Actor, at: datetime) -> Offer | None:
    """Decline with a reason, and have the next reader asked."""
    offer = _offer_to(offer_id, reader)
    skip(offer.item_id, reader=reader, reason=reason, actor=actor, at=at)
    _close_offer(offer, Offer.DECLINED, at)
    return offer_item(offer.item_id, at=at)


def lapse_due(at: datetime) -> int:
    """Ask the next reader where one did not answer in time; how many offers lapsed."""
    lapsed = 0
    for offer in Offer.objects.filter(outcome=Offer.OPEN, until__lte=at):
        with transaction.atomic():
            try:
                _close_offer(offer, Offer.LAPSED, at)
            except Conflict:
                continue
            lapsed += 1
            offer_item(offer.item_id, at=at)
    return lapsed
