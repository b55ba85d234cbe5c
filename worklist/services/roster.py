"""The roster: shifts are added, revised and ended, single days go differently, people come and go."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.catalog.models import Site, Subspecialty
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit
from ris.people.models import User
from worklist.events import RosterChanged
from worklist.models import Presence, Shift, ShiftChange
from worklist.rules.recurrence import check
from worklist.selectors.roster import duty_of, occurs_on

FIELDS = (
    "name", "kind", "zone", "first_day", "last_day", "start_time", "end_time", "rrule", "breaks", "holidays",
    "called_for",
)  # fmt: skip


@transaction.atomic
def add_shift(
    reader: User,
    *,
    sites: Iterable[Site] = (),
    subspecialties: Iterable[Subspecialty] = (),
    uid: str = "",
    actor: Actor,
    at: datetime,
    **fields: Any,
) -> Shift:
    """Put a reader on the roster. Raises Invalid, naming the field, for what cannot be worked out."""
    shift = Shift(reader=reader, uid=uid or f"{uuid.uuid4()}@wetread", **_known_fields(fields))
    _check_shift(shift)
    shift.save(force_insert=True)
    shift.sites.set(sites)
    shift.subspecialties.set(subspecialties)
    return _publish_change(shift, "shift added", [reader.pk], actor, at)


@transaction.atomic
def revise_shift(
    shift_id: int,
    *,
    sites: Iterable[Site] | None = None,
    subspecialties: Iterable[Subspecialty] | None = None,
    actor: Actor,
    at: datetime,
    **fields: Any,
) -> Shift:
    """Change a shift, all of its days. What is not named stays."""
    shift = _locked_shift(shift_id)
    for name, value in _known_fields(fields).items():
        setattr(shift, name, value)
    _check_shift(shift)
    shift.version += 1
    shift.save()
    if sites is not None:
        shift.sites.set(sites)
    if subspecialties is not None:
        shift.subspecialties.set(subspecialties)
    return _publish_change(shift, "shift revised", [shift.reader_id], actor, at)


@transaction.atomic
def end_shift(shift_id: int, *, last_day: date, actor: Actor, at: datetime) -> Shift:
    """No duty of this shift begins after ``last_day``; one before the first day withdraws it altogether."""
    shift = _locked_shift(shift_id)
    if last_day < shift.first_day:
        shift.active = False
    else:
        shift.last_day = last_day
    shift.version += 1
    shift.save()
    return _publish_change(shift, "shift ended", [shift.reader_id], actor, at)


@transaction.atomic
def change_day(
    shift_id: int,
    day: date,
    *,
    kind: str,
    substitute: User | None = None,
    reason: str = "",
    maker: User | None = None,
    actor: Actor,
    at: datetime,
) -> ShiftChange:
    """One day of a shift goes differently: ``off``, ``sick``, or a ``swap`` with a substitute.

    A sick call gives out anew what waits with the reader, once the change is known (RosterChanged). Raises
    Invalid when the shift does not take place on that day, Conflict when the day was changed already.
    """
    shift = _locked_shift(shift_id)
    if kind not in dict(ShiftChange.KINDS):
        raise Invalid(f"A day can be changed by {', '.join(dict(ShiftChange.KINDS))}.", at="kind")
    if kind == ShiftChange.SWAP and (substitute is None or substitute.pk == shift.reader_id):
        raise Invalid("A swap needs somebody else who comes instead.", at="substitute")
    if ShiftChange.objects.filter(shift=shift, day=day).exists():
        raise Conflict("This day was changed already; undo that first.")
    if not occurs_on(shift, day):
        raise Invalid("The shift does not take place on that day.", at="day")
    change = ShiftChange.objects.create(
        shift=shift, day=day, kind=kind, substitute=substitute, reason=reason[:250], made_by=maker, made_at=at
    )
    readers = [shift.reader_id] + ([substitute.pk] if substitute else [])
    _publish_change(shift, kind, readers, actor, at, day=day.isoformat(), reason=reason)
    return change


@transaction.atomic
def undo_change(change_id: int, *, actor: Actor, at: datetime) -> None:
    """The day goes as the shift says again."""
    change = ShiftChange.objects.select_related("shift").filter(pk=change_id).first()
    if change is None:
        raise NotFound("There is no such change.")
    change.delete()
    Shift.objects.filter(pk=change.shift_id).update(version=F("version") + 1)
    _publish_change(change.shift, "change undone", [change.shift.reader_id], actor, at, day=change.day.isoformat())


def _locked_shift(shift_id: int) -> Shift:
    shift = Shift.objects.select_for_update().filter(pk=shift_id).first()
    if shift is None:
        raise NotFound("There is no such shift.")
    return shift


def _known_fields(fields: dict[str, Any]) -> dict[str, Any]:
    for name in fields:
        if name not in FIELDS:
            raise Invalid(f"A shift has no “{name}”.", at=name)
    return fields


def _check_shift(shift: Shift) -> None:
    if shift.kind not in dict(Shift.KINDS):
        raise Invalid(f"A shift is {', '.join(dict(Shift.KINDS))}.", at="kind")
    if not 0 <= shift.called_for <= 5:
        raise Invalid("A class is 1 to 5; 0: only when nobody in-house covers.", at="called_for")
    if shift.last_day and shift.last_day < shift.first_day:
        raise Invalid("It would end before it begins.", at="last_day")
    try:
        pairs = [(time.fromisoformat(a), time.fromisoformat(b)) for a, b in shift.breaks]
    except (TypeError, ValueError):
        raise Invalid('Breaks are pairs of times such as ["12:00", "12:30"].', at="breaks") from None
    if any(a >= b for a, b in pairs if (a >= shift.start_time) == (b >= shift.start_time)):
        raise Invalid("A break ends before it begins.", at="breaks")
    check(duty_of(shift))


def _publish_change(
    shift: Shift, what: str, readers: list[int], actor: Actor, at: datetime, *, reason: str = "", **detail: Any
) -> Shift:
    record(actor, "roster.change", shift, reason=reason[:250], at=at, what=what, readers=readers, **detail)
    emit(RosterChanged(stream="roster", at=at, reader_ids=readers, what=what))
    return shift


@transaction.atomic
def set_presence(reader: User, state: str, *, actor: Actor, at: datetime) -> Presence:
    """The reader says where they are: available, away, teaching, signed out."""
    if state not in dict(Presence.STATES):
        raise Invalid(f"Presence is {', '.join(dict(Presence.STATES))}.", at="state")
    row, fresh = Presence.objects.select_for_update().get_or_create(
        reader=reader, defaults={"state": state, "since": at, "last_seen_at": at}
    )
    if not fresh:
        row.since = at if row.state != state else row.since
        row.state, row.last_seen_at = state, at
        row.save()
    record(actor, "reader.presence", row, at=at, state=state)
    emit(RosterChanged(stream="roster", at=at, reader_ids=[reader.pk], what=f"presence: {state}"))
    return row


SEEN_AGAIN = timedelta(minutes=1)
"""A sign of life so soon after another says nothing new."""


def note_seen(readers: Iterable[int], at: datetime) -> None:
    """Note signs of life, such as an open reading list; for the many that come, it is no event.

    Written at most once in SEEN_AGAIN for each reader, however many screens and processes say it. Somebody whose
    presence was not known is available from now on.
    """
    ids = list(readers)
    fresh = [Presence(reader_id=pk, state=Presence.AVAILABLE, since=at, last_seen_at=at) for pk in ids]
    Presence.objects.bulk_create(fresh, ignore_conflicts=True)
    known = Presence.objects.filter(reader__in=ids, last_seen_at__lte=at - SEEN_AGAIN)
    known.exclude(state=Presence.SIGNED_OUT).update(last_seen_at=at)


@transaction.atomic
def import_calendar(
    reader: User, events: list[dict[str, Any]], *, maker: User | None, actor: Actor, at: datetime
) -> list[Shift]:
    """Put what ``worklist.ical.read_calendar`` read on the roster, all or nothing; a known UID is revised."""
    shifts = []
    for event in events:
        fields = {name: value for name, value in event.items() if name not in ("uid", "days_off")}
        known = Shift.objects.filter(uid=event["uid"]).first()
        if known and known.reader_id != reader.pk:
            raise Conflict(f"The event {event['uid']} is on the roster for somebody else.", at="uid")
        if known:
            shift = revise_shift(known.pk, actor=actor, at=at, **fields)
        else:
            shift = add_shift(reader, uid=event["uid"], actor=actor, at=at, **fields)
        for day in event["days_off"]:
            if not ShiftChange.objects.filter(shift=shift, day=day).exists() and occurs_on(shift, day):
                change_day(shift.pk, day, kind=ShiftChange.OFF, maker=maker, actor=actor, at=at)
        shifts.append(shift)
    return shifts
