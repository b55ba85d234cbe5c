"""What changes how urgent a case is: AI results, marks, priority, and the clock that stands still."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.values import read_reason
from ris.orders.intents import OrderIntent
from ris.orders.models import Order
from ris.orders.services import revise_order
from worklist import states
from worklist.models import AiFlag, AiPerformance, ClockPause, ReadingItem

from ..items import reprice

MARKS = ("patient waiting", "discharge pending")
# The middle window of AI_WINDOW (45 minutes): neither trusted as measured nor ignored.
UNMEASURED_PPV = 0.2
"""What a positive is worth where nobody has measured it."""
UNMEASURED_EXPIRY = timedelta(hours=12)


@transaction.atomic
def note_ai_result(
    item_id: int,
    *,
    vendor: str,
    code: str,
    positive: bool,
    score: float | None = None,
    result_at: datetime,
    expires_at: datetime | None = None,
    actor: Actor,
    at: datetime,
) -> AiFlag:
    """Take in an AI result and price the case anew. The same result again changes nothing.

    It counts until ``expires_at`` where its sender says so, else as long as is set for this site and class.
    A positive can make a case more urgent by the PPV known for this site and class; a negative never makes
    it less so. Raises Invalid for a result from the future, NotFound.
    """
    # Clocks of other systems differ by minutes; a wrong time zone, which this is to find, by half an hour or more.
    if result_at > at + timedelta(minutes=5):
        raise Invalid("This result is from the future.", at="result_at")
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    known = _performance(item, vendor, code)
    ppv, lasts = (known.ppv, timedelta(minutes=known.expires_minutes)) if known else (UNMEASURED_PPV, UNMEASURED_EXPIRY)
    same = {"item": item, "vendor": vendor, "code": code, "result_at": result_at}
    values: dict[str, Any] = {"positive": positive, "score": score, "ppv": ppv, "received_at": at}
    values["expires_at"] = expires_at or result_at + lasts
    flag, fresh = AiFlag.objects.get_or_create(**same, defaults=values)
    if fresh:
        patient_id = item.procedure.order.patient_id
        said = {"vendor": vendor, "code": code, "positive": positive, "ppv": ppv}
        record(actor, "item.ai-result", item, patient_id=patient_id, at=at, result=said)
        reprice(item_id, at=at, cause=f"AI result: {vendor} {code}", actor=actor)
    return flag


def _performance(item: ReadingItem, vendor: str, code: str) -> AiPerformance | None:
    """The most specific row: site and class, then site, then class, then neither."""
    fits = Q(site=item.site_id) | Q(site__isnull=True)
    rows = AiPerformance.objects.filter(
        fits, Q(urgency=item.urgency) | Q(urgency__isnull=True), vendor=vendor, code=code
    )
    return min(rows, key=lambda row: (row.site_id is None, row.urgency is None), default=None)


@transaction.atomic
def withdraw_ai_result(item_id: int, *, vendor: str, code: str, actor: Actor, at: datetime) -> bool:
    """Its sender takes an AI result back (OBX-11 D, W): the case is priced without it. Whether there was one."""
    standing = AiFlag.objects.filter(item=item_id, vendor=vendor, code=code, expires_at__gt=at)
    if not standing.update(expires_at=at, over=True):
        return False
    item = ReadingItem.objects.select_related("procedure__order").get(pk=item_id)
    said = {"vendor": vendor, "code": code}
    record(actor, "item.ai-result-withdrawn", item, patient_id=item.procedure.order.patient_id, at=at, result=said)
    reprice(item_id, at=at, cause=f"AI result withdrawn: {vendor} {code}", actor=actor)
    return True


def expire_ai(at: datetime, *, limit: int = 200) -> int:
    """Price anew the cases whose AI result counts no longer; how many results expired."""
    over = AiFlag.objects.filter(over=False, expires_at__lte=at).values_list("pk", "item")
    done = 0
    for pk, item_id in list(over[:limit]):
        with transaction.atomic():
            if AiFlag.objects.filter(pk=pk, over=False).update(over=True):
                reprice(item_id, at=at, cause="AI result expired")
                done += 1
    return done


@transaction.atomic
def set_mark(item_id: int, mark: str, *, on: bool, actor: Actor, at: datetime) -> ReadingItem:
    """The patient is waiting, a discharge is pending; or no longer. Idempotent. Raises Invalid, NotFound."""
    if mark not in MARKS:
        raise Invalid(f"There is no mark “{mark}”: {', '.join(MARKS)}.", at="mark")
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    if (mark in item.marks) is on:
        return item
    marks = [*item.marks, mark] if on else [m for m in item.marks if m != mark]
    # Guarded by the version: marks are one list, and of two changes at once the second would undo the first.
    still = ReadingItem.objects.filter(pk=item_id, version=item.version, state__in=states.OPEN)
    if not still.update(marks=marks, version=F("version") + 1):
        raise Conflict("This case changed meanwhile, or is over.")
    record(actor, "item.mark", item, patient_id=item.procedure.order.patient_id, at=at, mark=mark, on=on)
    return reprice(item_id, at=at, cause=f"{mark}: {'yes' if on else 'no'}", actor=actor)


@transaction.atomic
def set_priority(item_id: int, priority: str, *, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Change the order's priority from the reading side, with a reason; the case moves at once."""
    if priority not in dict(Order.PRIORITIES):
        raise Invalid(f"There is no priority “{priority}”: {', '.join(dict(Order.PRIORITIES))}.", at="priority")
    read_reason(reason, "Say why the priority changes.")
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    order = item.procedure.order
    said = OrderIntent(
        site_id=order.site_id, patient_id=order.patient_id, source=order.source, priority=priority, procedures=()
    )
    revise_order(order.pk, said, actor=actor, at=at)
    record(actor, "item.priority", item, patient_id=order.patient_id, reason=reason, at=at, priority=priority)
    return reprice(item_id, at=at, cause=f"priority {priority}", actor=actor)


@transaction.atomic
def pause_clock(item_id: int, *, reason: str, actor: Actor, at: datetime) -> ClockPause:
    """Let the SLA clock of a held or parked case stand still (waiting for priors, for a call back).

    It goes on when :func:`resume_clock` is called, and by itself once the case waits for a reader again or is
    finished. Raises Conflict when it stands still already, Invalid without a reason.
    """
    read_reason(reason, "Say what the clock waits for.")
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    if item.state not in (states.CLAIMED, states.PARKED):
        raise Conflict("Only the clock of a case that somebody holds or has parked can stand still.")
    try:
        with transaction.atomic():
            pause = ClockPause.objects.create(item=item, reason=reason.strip()[:250], since=at)
    except IntegrityError:
        raise Conflict("The clock of this case stands still already.") from None
    # No rung is reached while the clock stands still; pricing sets the next one when it goes on.
    ReadingItem.objects.filter(pk=item_id).update(next_rung_at=None)
    record(actor, "item.clock-pause", item, patient_id=item.procedure.order.patient_id, reason=reason, at=at)
    return pause


@transaction.atomic
def resume_clock(item_id: int, *, actor: Actor, at: datetime) -> bool:
    """Let the clock go on, and move the due time by the pause; False when it did not stand still."""
    if not ClockPause.objects.filter(item=item_id, until__isnull=True).update(until=at):
        return False
    item = reprice(item_id, at=at, cause="clock goes on", actor=actor)
    record(actor, "item.clock-resume", item, patient_id=item.procedure.order.patient_id, at=at)
    return True
