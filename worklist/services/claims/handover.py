"""Work that changes hands: a shift handed over, a colleague gone, a batch given out anew."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit
from ris.kernel.values import read_reason
from ris.people.models import User
from ris.people.roles import Can, Role
from ris.people.selectors import site_ids_for, sites_for
from worklist import states
from worklist.events import WORKLIST_BELL, ItemAssigned, ItemReleased, ItemRescored, ItemRevised, ItemTakenOver
from worklist.models import Decision, Notice, ReadingItem
from worklist.rules.preference import distribute
from worklist.selectors.case_facts import needs_of
from worklist.selectors.readers import readers_now
from worklist.selectors.roster import on_shift

from ..items import RULES
from ..notices import notify
from .claim import LEASE, publish
from .leases import return_item


@transaction.atomic
def hand_over(
    reader: User, *, to: User | None, reason: str, actor: Actor, at: datetime, items: Collection[int] | None = None
) -> list[int]:
    """Hand what a reader holds to a colleague (or back to everybody) in one action, drafts and all.

    Suggestions and reservations for the reader go too. ``items``: only these cases; None: all. All or nothing.
    Returns the ids of the cases that changed hands. Raises Invalid when none of ``items`` is the reader's.
    """
    read_reason(reason, "Say why the cases change hands.")
    chosen = ReadingItem.objects.all() if items is None else ReadingItem.objects.filter(pk__in=items)
    # In the order of ids, as heartbeats and linked exams lock them, so that none waits for another in a ring.
    held = list(chosen.filter(reader=reader, state=states.CLAIMED).order_by("pk"))
    if to is not None:
        theirs = set(sites_for(to, Can.READ_CASES).values_list("pk", flat=True))
        if any(item.site_id not in theirs for item in held):
            raise Invalid("They do not read for the site of every one of these cases.", at="to")
    for item in held:
        if to is None:
            taken = return_item(item.pk, at, reader=reader)
            event = ItemReleased(stream=taken.accession, at=at, item_id=item.pk, reader_id=reader.pk)
            publish(taken, event, actor, reason=reason)
        else:
            mine = ReadingItem.objects.filter(reader=reader)
            taken = mine.take(states.TAKE_OVER, item.pk, reader=to, claimed_at=at, lease_until=at + LEASE)
            moved = ItemTakenOver(
                stream=taken.accession, at=at, item_id=item.pk, reader_id=to.pk, from_reader_id=reader.pk,
                given=True,
            )  # fmt: skip
            publish(taken, moved, actor, reason=reason)
    waiting = chosen.filter(state__in=states.WAITING)
    meant = list(waiting.filter(Q(reserved_for=reader) | Q(assigned_to=reader)).values_list("pk", flat=True))
    if items is not None and not held and not meant:
        raise Invalid("None of these cases is with this reader; nothing was handed over.", at="items")
    waiting.filter(reserved_for=reader).update(reserved_for=to, version=F("version") + 1)
    # assigned_at None: what goes back to everybody is looked at by the next sweep.
    looked_at = at if to else None
    waiting.filter(assigned_to=reader).update(assigned_to=to, assigned_at=looked_at, version=F("version") + 1)
    if meant and items is not None:  # nobody claimed or released these: the lists would not hear of them
        for pk, accession in ReadingItem.objects.filter(pk__in=meant).values_list("pk", "accession"):
            # Revised, not rescored: after a rescoring the rules would suggest another reader.
            emit(ItemRevised(stream=accession, at=at, item_id=pk))
        if to is not None:
            notify(to, Notice.GIVEN, meant, by=reader, at=at)
        record(actor, "worklist.hand-over", reader, reason=reason.strip(), at=at, items=meant, to=to.pk if to else None)
        doorbell.ring(WORKLIST_BELL)
    return [item.pk for item in held] if items is None else sorted({*meant, *(item.pk for item in held)})


def hand_over_of_leaver(user_id: int, *, at: datetime) -> list[int]:
    """Hand what somebody who has left holds to a lead who reads for all of its sites, or else back to everybody."""
    reader = User.objects.get(pk=user_id)
    sites = set(ReadingItem.objects.filter(reader=reader, state=states.CLAIMED).values_list("site_id", flat=True))
    leads = User.objects.filter(is_active=True, groups__name=Role.LEAD.value).order_by("pk")
    lead = next((person for person in leads if sites <= site_ids_for(person, Can.READ_CASES)), None) if sites else None
    return hand_over(reader, to=lead, reason="The reader works here no more.", actor=Actor.job("leavers"), at=at)


@transaction.atomic
def redistribute(items: list[int], *, cause: str, actor: Actor, at: datetime) -> dict[int, int]:
    """Suggest readers for many waiting cases at once, so that minutes are balanced; item → reader.

    For a sick call or a change of shift. The most urgent choose first. Cases that nobody may read stay without.
    """
    waiting = ReadingItem.objects.filter(pk__in=items, state__in=states.WAITING)
    rows = list(waiting.select_related("procedure__order__patient", "preliminary_by__reader_profile"))
    rows.sort(key=lambda item: (item.urgency, item.due_at, item.pk))
    needs = {item.pk: needs_of(item, at) for item in rows}
    chosen = distribute(needs, readers_now(at))
    for item in rows:
        reader_id = chosen.get(item.pk)
        if reader_id == item.assigned_to_id:
            continue
        ReadingItem.objects.filter(pk=item.pk).update(assigned_to=reader_id, assigned_at=at, version=F("version") + 1)
        body = {"batch": len(rows), "cause": cause}
        Decision.objects.create(item=item, kind=Decision.ASSIGNED, at=at, reader_id=reader_id, body=body)
        if reader_id:
            emit(ItemAssigned(stream=item.accession, at=at, item_id=item.pk, reader_id=reader_id))
    if rows:
        first = rows[0]
        record(actor, "worklist.redistribute", first, reason=cause, at=at, items=len(rows), given=len(chosen))
    doorbell.ring(WORKLIST_BELL)
    return chosen


def redistribute_from(readers: list[int], *, cause: str, at: datetime) -> dict[int, int]:
    """Give out anew what waits with these readers, where they are not on shift now. Idempotent."""
    here = on_shift(at)
    gone = [pk for pk in readers if pk not in here]
    waiting = ReadingItem.objects.filter(assigned_to__in=gone, state__in=states.WAITING)
    return redistribute(list(waiting.values_list("pk", flat=True)), cause=cause, actor=RULES, at=at)


@transaction.atomic
def reserve(item_id: int, *, reader: User | None, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Let only this reader be given a case that is open; None: anybody again. A suggestion is looked for anew.

    Raises Invalid without a reason, and for a reader who does not read at the case's site; NotFound; Conflict when the
    case is over, or changed meanwhile.
    """
    read_reason(reason, "Say why this case is reserved, or is no more.")
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    if reader and not sites_for(reader, Can.READ_CASES).filter(pk=item.site_id).exists():
        raise Invalid("This reader does not read at the case's site.", at="reader")
    still = ReadingItem.objects.filter(pk=item_id, version=item.version, state__in=states.OPEN)
    if not still.update(reserved_for=reader, version=F("version") + 1):
        raise Conflict("This case changed meanwhile, or is over.")
    emit(ItemRescored(stream=item.accession, at=at, item_id=item_id))
    patient_id, pk = item.procedure.order.patient_id, reader.pk if reader else None
    record(actor, "item.reserve", item, patient_id=patient_id, reason=reason.strip(), at=at, reader=pk)
    doorbell.ring(WORKLIST_BELL)
    return item.reread()


@transaction.atomic
def assign(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """Suggest a waiting case to a reader, whatever the rules say; their list and bell show it.

    Raises NotFound, Invalid for a reader who does not read at the case's site, Conflict when it waits no more.
    """
    item = _directed(item_id, reader)
    waits = ReadingItem.objects.filter(pk=item_id, version=item.version, state__in=states.WAITING)
    if not waits.update(assigned_to=reader, assigned_at=at, version=F("version") + 1):
        raise Conflict("Somebody has taken this case meanwhile, or it is over.")
    Decision.objects.create(item=item, kind=Decision.ASSIGNED, at=at, reader=reader, body={"cause": "by the lead"})
    emit(ItemAssigned(stream=item.accession, at=at, item_id=item_id, reader_id=reader.pk))
    _note(item, reader, "item.assign", Notice.GIVEN, actor, at)
    return item.reread()


@transaction.atomic
def call_reader(item_id: int, *, reader: User, caller: User, actor: Actor, at: datetime) -> None:
    """Ring a reader's bell for a case; nothing of the case changes. Raises as :func:`assign`."""
    _note(_directed(item_id, reader), reader, "item.call", Notice.CALLED, actor, at, caller)


def _directed(item_id: int, reader: User) -> ReadingItem:
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id, state__in=states.OPEN).first()
    if item is None:
        raise NotFound("There is no such open case.")
    if not sites_for(reader, Can.READ_CASES).filter(pk=item.site_id).exists():
        raise Invalid("This reader does not read at the case's site.", at="to")
    return item


def _note(
    item: ReadingItem, reader: User, action: str, kind: str, actor: Actor, at: datetime, by: User | None = None
) -> None:
    notify(reader, kind, [item.pk], by=by, at=at)
    record(actor, action, item, patient_id=item.procedure.order.patient_id, at=at, reader=reader.pk)
    doorbell.ring(WORKLIST_BELL)
