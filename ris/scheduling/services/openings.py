"""Opening hours, blocks and closures are set, and taken away again. What is booked by then stays and is shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Device, Procedure, Site
from ris.kernel.errors import Invalid, NotFound

from ..models import Block, Closure, OpeningHours


@transaction.atomic
def open_weekly(device: Device, *, weekday: int, opens: time, closes: time, actor: Actor, at: datetime) -> OpeningHours:
    """Have the device open at these hours of that weekday (0 Monday), besides others. Raises Invalid."""
    _check_hours(weekday, opens, closes)
    row = OpeningHours.objects.create(device=device, weekday=weekday, opens=opens, closes=closes)
    record(actor, "calendar.open", row, at=at, device=device.ae_title)
    return row


@transaction.atomic
def keep_block(
    device: Device,
    *,
    weekday: int,
    opens: time,
    closes: time,
    name: str,
    procedures: Iterable[Procedure] = (),
    release_hours: int | None = None,
    actor: Actor,
    at: datetime,
) -> Block:
    """Keep these hours for some procedures (none: for urgent exams), until so many hours before. Raises Invalid."""
    _check_hours(weekday, opens, closes)
    row = Block.objects.create(
        device=device, weekday=weekday, opens=opens, closes=closes, name=name, release_hours=release_hours
    )
    row.procedures.set(procedures)
    record(actor, "calendar.block", row, at=at, device=device.ae_title)
    return row


@transaction.atomic
def close_for(
    site: Site,
    device: Device | None,
    *,
    since: datetime,
    until: datetime,
    reason: str,
    kind: str = Closure.CLOSED,
    actor: Actor,
    at: datetime,
) -> Closure:
    """Close a device, or the whole site, for a while. What is booked then stays until it is moved. Raises Invalid."""
    if until <= since:
        raise Invalid("The end must be after the beginning.", at="until")
    if not reason:
        raise Invalid("Say why: it is shown beside the closed time.", at="reason")
    row = Closure.objects.create(site=site, device=device, since=since, until=until, reason=reason[:120], kind=kind)
    record(actor, "calendar.close", row, at=at, site=site.code, device=device.ae_title if device else "")
    return row


@transaction.atomic
def reopen(closure_id: int, *, actor: Actor, at: datetime) -> None:
    """Take a closure away. Raises NotFound."""
    row = Closure.objects.filter(pk=closure_id).first()
    if row is None:
        raise NotFound("There is no such closure.")
    record(actor, "calendar.reopen", row, at=at)
    row.delete()


@transaction.atomic
def remove_hours(hours_id: int, *, actor: Actor, at: datetime) -> None:
    """Take opening hours away. Raises NotFound."""
    _remove(OpeningHours, hours_id, actor, at)


@transaction.atomic
def remove_block(block_id: int, *, actor: Actor, at: datetime) -> None:
    """Take a block away. Raises NotFound."""
    _remove(Block, block_id, actor, at)


def _remove(model: type[OpeningHours] | type[Block], pk: int, actor: Actor, at: datetime) -> None:
    row = model.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound("There are no such hours.")
    record(actor, "calendar.remove", row, at=at)
    row.delete()


def _check_hours(weekday: int, opens: time, closes: time) -> None:
    if not 0 <= weekday <= 6:
        raise Invalid("The weekday is 0 (Monday) to 6 (Sunday).", at="weekday")
    if closes != time.min and closes <= opens:
        raise Invalid("Hours that pass midnight are two: one until 00:00, one from 00:00.", at="closes")
