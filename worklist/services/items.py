"""Reading items come, are priced anew, and go.

What makes an exam readable its site chose: the exam is done, its first images are there, or all of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.db.statements import insert
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.kernel.states import Step
from ris.orders.models import RequestedProcedure
from ris.orders.states import CANCELLED
from worklist import states
from worklist.events import WORKLIST_BELL, ItemCancelled, ItemOpened, ItemRescored
from worklist.models import AwaitedImages, ClockStart, Decision, ReadingItem, SiteReading
from worklist.selectors.case_facts import procedure_with_context

from .holds import is_kept_back
from .urgency.item_price import NO_LANE, lane_columns, price_item

RULES = Actor.job("rules")

TOLD_BY_RULE = "told-by-rule"
"""Alarm: a rule says that somebody is to be told of a case. A person clears it."""


@transaction.atomic
def open_item(procedure_id: int, *, at: datetime, actor: Actor = RULES) -> ReadingItem:
    """Put a procedure on the reading worklist, priced; the item that is there, if it is there already.

    One that was taken off (its exam was another's) is opened again, for anybody. Of two who race one opens it and
    both get it. Raises NotFound when there is no such procedure.
    """
    existing = ReadingItem.objects.filter(procedure=procedure_id).first()
    if existing:
        return _reopen(existing, at, actor) if existing.state == states.CANCELLED else existing
    try:
        requested = procedure_with_context(procedure_id)
    except RequestedProcedure.DoesNotExist:
        raise NotFound("There is no such procedure.") from None
    item = _new_item(requested, at)
    price = price_item(item, requested, at)
    for name, value in price.columns.items():
        setattr(item, name, value)
    try:
        with transaction.atomic():  # a savepoint: PostgreSQL refuses all that follows an error outside of one
            insert(item)
    except IntegrityError:  # one item for each procedure: another worker opened it first
        return ReadingItem.objects.get(procedure=procedure_id)
    emit(ItemOpened(stream=item.accession, at=at, item_id=item.pk))
    record(actor, "item.open", item, patient_id=requested.order.patient_id, at=at, urgency=item.urgency)
    insert(Decision(item=item, kind=Decision.OPENED, at=at, rule_set=price.rule_set, body=price.why))
    if price.notify:
        raise_alarm(TOLD_BY_RULE, f"{item.accession} for {price.notify}"[:160], detail=str(item.pk), at=at)
    doorbell.ring(WORKLIST_BELL)
    return item


def _reopen(item: ReadingItem, at: datetime, actor: Actor) -> ReadingItem:
    """As if it were new: who had it before, and what they said of it, was of another exam."""
    try:
        return _renew(item, states.REOPEN, "item.reopen", at, actor)
    except Conflict:  # somebody else just did
        return ReadingItem.objects.get(pk=item.pk)


@transaction.atomic
def read_again(item_id: int, *, at: datetime, actor: Actor) -> ReadingItem:
    """Put a case on the list as if nobody had read it: its report was retracted. Raises NotFound, Conflict."""
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    return _renew(item, states.READ_AGAIN, "item.read-again", at, actor)


def _renew(item: ReadingItem, step: Step, action: str, at: datetime, actor: Actor) -> ReadingItem:
    forgotten = dict.fromkeys((
        "preliminary_by", "reserved_for", "assigned_to", "claimed_at", "parked_until", "reader", "lease_until",
        "claimed_with", "finished_at",
    ))  # fmt: skip
    fresh: dict[str, Any] = {**forgotten, "park_reason": "", "opened_at": at, "reach": 0, "rung": 0}
    item.reach = 0
    ReadingItem.objects.take(step, item.pk, **fresh, **lane_columns(item, at))
    emit(ItemOpened(stream=item.accession, at=at, item_id=item.pk))
    record(actor, action, item, patient_id=item.procedure.order.patient_id, at=at)
    return reprice(item.pk, at=at, cause=step.name, actor=actor)


def _new_item(requested: RequestedProcedure, at: datetime) -> ReadingItem:
    kind, order = requested.procedure, requested.order
    return ReadingItem(
        procedure=requested,
        state=states.UNREAD,
        accession=order.accession,
        site=order.site,
        modality=requested.modality,
        region=kind.body_region if kind else "",
        subspecialty=kind.subspecialty if kind else None,
        pool=kind.subspecialty_id if kind else 0,
        priority=order.priority,
        reading_minutes=float(kind.reading_minutes) if kind else 6.0,
        rvu=float(kind.rvu) if kind else 0.0,
        opened_at=at,
        due_at=at,
    )


@transaction.atomic
def reprice(item_id: int, *, at: datetime, cause: str, actor: Actor = RULES) -> ReadingItem:
    """Work out urgency, due time and place again; say so (ItemRescored) when any of it changed.

    An item that is over stays as it is. Raises NotFound.
    """
    # Locked rather than guarded by its version: a claim at the same moment must not make the pricing fail.
    item = ReadingItem.objects.select_for_update(of=("self",)).select_related("subspecialty").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    if item.state not in states.OPEN:
        return item
    before = {name: getattr(item, name) for name in _ANNOUNCED}
    requested = procedure_with_context(item.procedure_id)
    kind = requested.procedure
    item.priority, item.modality = requested.order.priority, requested.modality
    item.accession, item.site = requested.order.accession, requested.order.site
    if kind:
        item.region, item.reading_minutes, item.rvu = kind.body_region, float(kind.reading_minutes), float(kind.rvu)
        item.subspecialty, item.pool = kind.subspecialty, kind.subspecialty_id
    price = price_item(item, requested, at)
    for name, value in price.columns.items():
        setattr(item, name, value)
    if item.state not in states.WAITING:  # constraint reading_item_lane: only what waits stands in a lane
        item.lane, item.turns_at = None, None
    item.version += 1
    item.save()
    after = {name: getattr(item, name) for name in _ANNOUNCED}
    if before != after:
        changes = {name: [str(before[name]), str(after[name])] for name in _ANNOUNCED if before[name] != after[name]}
        emit(ItemRescored(stream=item.accession, at=at, item_id=item.pk))
        patient_id = requested.order.patient_id
        record(actor, "item.rescore", item, patient_id=patient_id, reason=cause, at=at, changes=changes)
        body = {**price.why, "cause": cause, "changes": changes}
        Decision.objects.create(item=item, kind=Decision.RESCORED, at=at, rule_set=price.rule_set, body=body)
        doorbell.ring(WORKLIST_BELL)
    return item


_ANNOUNCED = ("urgency", "due_at", "sla_minutes", "weight", "points", "pool", "reserved_for_id", "priority")


@transaction.atomic
def cancel_item(procedure_id: int, *, at: datetime, actor: Actor = RULES) -> ReadingItem | None:
    """Take a procedure off the worklist, unless it was never on it or its report is final. Idempotent."""
    item = ReadingItem.objects.filter(procedure=procedure_id, state__in=states.OPEN).first()
    if item is None:
        return None
    taken = ReadingItem.objects.take(states.CANCEL, item.pk, reader=None, lease_until=None, **NO_LANE)
    emit(ItemCancelled(stream=item.accession, at=at, item_id=item.pk))
    record(actor, "item.cancel", taken, patient_id=taken.procedure.order.patient_id, at=at)
    doorbell.ring(WORKLIST_BELL)
    return taken


IMAGES_MISSING = "images-missing"
"""Alarm: an exam was done, and the images that its site reads from have not come in time."""


@transaction.atomic
def open_if_readable(procedure_id: int, *, exam_done: bool, at: datetime) -> ReadingItem | None:
    """Put a procedure on the worklist if what its site waits for has happened; its item, or None.

    ``exam_done``: it is the exam's end that is told. An exam that is done before its images came is
    written down as awaited, once. Idempotent. A cancelled procedure is not opened.
    """
    requested = RequestedProcedure.objects.select_related("order__site", "study").get(pk=procedure_id)
    if requested.state == CANCELLED:
        return None
    setting = SiteReading.objects.filter(site=requested.order.site_id).first() or SiteReading()
    study = getattr(requested, "study", None)
    readable = {
        SiteReading.COMPLETED: exam_done,
        SiteReading.FIRST_IMAGES: study is not None,
        SiteReading.COMPLETE_IMAGES: study is not None and study.complete_at is not None,
    }[setting.opens_on]
    if readable and not is_kept_back(procedure_id, at):
        stop_awaiting(procedure_id, at=at)
        return open_item(procedure_id, at=at)
    if exam_done and not readable and not ReadingItem.objects.filter(procedure=procedure_id).exists():
        AwaitedImages.objects.get_or_create(
            procedure=requested, defaults={"site_id": requested.order.site_id, "since": at}
        )
    return None


@transaction.atomic
def start_clock_by_images(procedure_id: int, *, at: datetime) -> bool:
    """All images are there: price a case whose clock they start, somewhere; whether there was one. Idempotent."""
    if not ClockStart.objects.filter(event=ClockStart.COMPLETE_IMAGES).exists():
        return False
    item = ReadingItem.objects.filter(procedure=procedure_id, state__in=states.OPEN).first()
    if item is None:
        return False
    reprice(item.pk, at=at, cause="all images are there")
    return True


@transaction.atomic
def stop_awaiting(procedure_id: int, *, at: datetime) -> bool:
    """Its images came, or are wanted no more; say whether they were awaited. The alarm, if there is one, is over."""
    row = AwaitedImages.objects.select_related("procedure__order").filter(procedure=procedure_id).first()
    if row is None:
        return False
    clear_alarm(IMAGES_MISSING, missing_images_subject(row), at=at)
    row.delete()
    return True


def missing_images_subject(row: AwaitedImages) -> str:
    """Subject of the alarm IMAGES_MISSING for an exam."""
    return f"{row.procedure.order.accession} {row.procedure.number}"
