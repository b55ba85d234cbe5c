"""Readers as the rules see them at a moment. A few queries, however many readers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Count, Model, Q, QuerySet, Sum

from ris.kernel.db.prepared import fetch
from ris.people.models import User
from worklist.change_stamps import READERS, ROSTER
from worklist.models import Presence, ReadingItem
from worklist.rules.eligibility import ReaderNow
from worklist.rules.policy import Policy
from worklist.states import CLAIMED, FINAL, WAITING

from .policies import policy_in_force
from .reader_standing import standing_readers
from .roster import OnShift, roster
from .stamps import Stamps, stamps, stamps_of

M = TypeVar("M", bound=Model)

RECENT_SECONDS = 2.0

UNSEEN_AFTER = timedelta(minutes=15)
"""A reader who was present but has not been seen for so long counts as away."""


LATELY = timedelta(minutes=2)
"""Open pages give a sign of life once a minute; whoever gave one within two minutes is in front of a screen."""


def seen_lately(at: datetime) -> frozenset[int]:
    """Who has a page of the worklist open, as far as is known."""
    there = Presence.objects.filter(state=Presence.AVAILABLE, last_seen_at__gt=at - LATELY)
    return frozenset(there.values_list("reader", flat=True))


def reader_now(user: User, at: datetime) -> ReaderNow:
    """One reader. Someone without any role that reads gets no sites."""
    known = stamps()
    duty = roster(known).of(user.pk, at)
    return _readers([user.pk], at, {user.pk: duty} if duty else {}, known)[0]


def readers_now(at: datetime) -> list[ReaderNow]:
    """All who are on shift at that moment."""
    known = stamps()
    shifts = roster(known).at(at)
    return _readers(shifts, at, shifts, known) if shifts else []


_recent: dict[Stamps, tuple[float, datetime, list[ReaderNow]]] = {}


def readers_recent(at: datetime) -> list[ReaderNow]:
    """The same as of a few seconds ago: good enough to suggest somebody, who is looked at again at the claim.

    A change of the roster, of a role or of a skill counts at once; what somebody holds, after two seconds, or
    more where reading it would otherwise be a twentieth of the work. The list is the caller's to keep up to
    date (:func:`note_suggested`).
    """
    known, clock = stamps(), time.monotonic()
    kept = _recent.get(known)
    if kept and clock < kept[0] and abs(at - kept[1]) < timedelta(minutes=1):
        return kept[2]
    shifts = roster(known).at(at)
    readers = _readers(shifts, at, shifts, known) if shifts else []
    cost = time.monotonic() - clock
    _recent.clear()
    _recent[known] = (clock + max(RECENT_SECONDS, 20 * cost), at, readers)
    return readers


def note_suggested(readers: list[ReaderNow], reader_id: int, minutes: float) -> None:
    """Count a suggestion in a list that is kept for a while, so that the next goes to somebody else."""
    for n, reader in enumerate(readers):
        if reader.id == reader_id:
            readers[n] = replace(reader, deficit=reader.deficit - minutes)
            return


def _readers(ids: Collection[int], at: datetime, shifts: Mapping[int, OnShift], known: Stamps) -> list[ReaderNow]:
    standing = standing_readers(ids, at, known)
    absent, held = _absent(ids, at), _held(ids)
    done = _minutes_this_shift(shifts)
    found = []
    for pk in ids:
        count, minutes = held.get(pk, (0, 0.0))
        found.append(
            replace(
                standing[pk],
                present=pk not in absent,
                held=count,
                held_minutes=minutes,
                **shift_fields(shifts.get(pk), at, done.get(pk, 0.0)),
            )
        )
    return found


def shift_fields(shift: OnShift | None, at: datetime, done: float) -> dict[str, Any]:
    """What a duty makes of a reader at a moment; ``done``: the minutes that count as read in it."""
    if shift is None:
        return {}
    minute = timedelta(minutes=1)
    return {
        "minutes_left": (shift.span.end - at) / minute,
        "shift_sites": shift.sites,
        "shift_pools": shift.pools,
        "deficit": (at - shift.span.start) / minute - done,
        "kind": shift.kind,
        "called_for": shift.called_for,
    }


def _absent(ids: Collection[int], at: datetime) -> set[int]:
    """Who said so, or has not been seen lately. Nobody's presence is known until they first sign in."""
    gone = ~Q(state=Presence.AVAILABLE) | Q(last_seen_at__lt=at - UNSEEN_AFTER)
    return set(_among(Presence.objects.filter(gone), ids).values_list("reader", flat=True))


def _held(ids: Collection[int]) -> dict[int, tuple[int, float]]:
    held = _among(ReadingItem.objects.filter(state=CLAIMED), ids).order_by().values_list("reader")
    return {pk: (n, total) for pk, n, total in held.annotate(n=Count("pk"), total=Sum("reading_minutes"))}


MANY = 50
"""So many readers are nearly all of those who hold anything; to name them takes longer than to leave them unnamed."""


def _among(rows: QuerySet[M], ids: Collection[int], field: str = "reader") -> QuerySet[M]:
    return rows if len(ids) > MANY else rows.filter(**{f"{field}__in": list(ids)})


def _minutes_this_shift(shifts: Mapping[int, OnShift]) -> dict[int, float]:
    """Reading minutes taken or suggested since the shift began, also before a log-out."""
    total: dict[int, float] = defaultdict(float)
    if not shifts:
        return total
    beginning: dict[datetime, set[int]] = defaultdict(set)
    for pk, shift in shifts.items():
        beginning[shift.span.start].add(pk)
    for since, ids in beginning.items():
        taken = ReadingItem.objects.filter(reader__in=ids, state__in=[CLAIMED, FINAL], claimed_at__gte=since)
        for pk, minutes in taken.order_by().values_list("reader").annotate(total=Sum("reading_minutes")):
            total[pk or 0] += minutes
    waiting = _among(ReadingItem.objects.filter(state__in=WAITING, lane__isnull=False), shifts, "assigned_to")
    suggested = waiting.filter(assigned_to__isnull=False).order_by().values_list("assigned_to")
    for pk, minutes in suggested.annotate(total=Sum("reading_minutes")):
        total[pk] += minutes
    return total


_ASKING = """
SELECT (SELECT value FROM worklist_stamp WHERE name = %s), (SELECT value FROM worklist_stamp WHERE name = %s),
 (SELECT MIN(turns_at) FROM worklist_readingitem) <= %s,
 EXISTS (SELECT 1 FROM orders_order WHERE referrer_id = %s)
  OR EXISTS (SELECT 1 FROM worklist_conflict WHERE reader_id = %s),
 COUNT(*), COALESCE(SUM(reading_minutes), 0.0)
FROM worklist_readingitem WHERE reader_id = %s AND state = 'claimed'
"""


@dataclass(frozen=True, slots=True)
class Requester:
    """``conflicts``: there may be cases that the reader ordered, or whose patient is close to them."""

    reader: ReaderNow
    no_roster: bool
    turns_due: bool
    conflicts: bool
    policy: Policy


def requester_now(user: User, at: datetime) -> Requester:
    """The reader as the rules see them, and what else decides where they are to look."""
    moment = connection.ops.adapt_datetimefield_value(at)
    ((readers, duties, turns, conflicts, held, minutes),) = fetch(
        _ASKING, [READERS, ROSTER, moment, user.pk, user.pk, user.pk]
    )
    known = stamps_of(readers, duties)
    shifts = roster(known)
    standing = standing_readers([user.pk], at, known)[user.pk]
    parts = shift_fields(shifts.of(user.pk, at), at, 0.0)
    reader = replace(standing, present=True, held=held, held_minutes=minutes, **parts)  # whoever asks is here
    return Requester(reader, shifts.empty, bool(turns), bool(conflicts), policy_in_force(known))
