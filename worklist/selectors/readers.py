"""Readers as the rules see them at a moment. A few queries, however many readers.

First what is true of them until somebody changes it (sites, roles, skills, privileges, limits), kept in memory;
then what a moment adds to it: shift, presence, what they hold.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Count, Model, Q, QuerySet, Sum

from ris.catalog.models import Site
from ris.people.models import User
from ris.people.roles import Can
from worklist.models import Presence, Privilege, ReaderProfile, ReadingItem, Skill
from worklist.rules.eligibility import ReaderNow, SkillNow
from worklist.states import CLAIMED, FINAL, WAITING

from ..change_stamps import Stamps, stamps
from .access import permissions_of_many, sites_of_many
from .roster import OnShift, roster

_DEFAULTS = ReaderProfile()

_standing: dict[tuple[Stamps, datetime], dict[int, ReaderNow]] = {}


def standing_readers(ids: Collection[int], at: datetime, known: Stamps) -> dict[int, ReaderNow]:
    """What is true of readers until somebody changes it: sites, roles, skills, privileges, limits. Kept in memory.

    Kept by the quarter of an hour too: local days begin at one, so who is licensed today does not change within it.
    """
    moment = at.astimezone(UTC)
    key = (known, moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0))
    kept = _standing.get(key)
    if kept is None:
        if len(_standing) >= 4:  # the present quarter and its neighbours; older stamps never come back
            _standing.clear()
        kept = _standing[key] = {}
    missing = [pk for pk in ids if pk not in kept]
    if missing:
        kept.update(_read_standing(missing, at))
    return kept


def _read_standing(ids: list[int], at: datetime) -> dict[int, ReaderNow]:
    cans = permissions_of_many(ids)
    sites = sites_of_many(ids, cans, Can.READ_CASES)
    profiles = {p.user_id: p for p in ReaderProfile.objects.filter(user__in=ids)}
    skills = _skills(ids)
    unlicensed = _unlicensed(ids, at)
    readers = {}
    for pk in ids:
        profile = profiles.get(pk, _DEFAULTS)
        readers[pk] = ReaderNow(
            id=pk,
            sites=sites[pk],
            can_sign=Can.SIGN_REPORTS in cans[pk],
            skills=tuple(skills[pk]),
            unlicensed=frozenset(unlicensed[pk]),
            most_claims=profile.most_claims,
            most_minutes=float(profile.most_minutes),
            pace=profile.pace,
            seniority=profile.seniority,
            trainee=profile.trainee,
            team=profile.team,
            accepts_push=profile.accepts_push,
        )
    return readers


def _skills(ids: list[int]) -> dict[int, list[SkillNow]]:
    skills: dict[int, list[SkillNow]] = defaultdict(list)
    for s in Skill.objects.filter(reader__in=ids).order_by("level", "pk"):
        skills[s.reader_id].append(
            SkillNow(s.subspecialty_id, s.level, frozenset(s.modalities), frozenset(s.regions), s.youngest, s.oldest)
        )
    return skills


def _unlicensed(ids: list[int], at: datetime) -> dict[int, set[int]]:
    """Sites that ask for privileges of which the reader has not every kind, valid today at the site."""
    asked = set(Privilege.objects.order_by().values_list("site", "kind").distinct())
    if not asked:
        return defaultdict(set)
    zones = dict(Site.objects.values_list("pk", "time_zone"))
    valid: dict[int, set[tuple[int, str]]] = defaultdict(set)
    own = Privilege.objects.filter(reader__in=ids)
    for pk, site, kind, since, until in own.values_list("reader", "site", "kind", "valid_from", "valid_until"):
        day = at.astimezone(ZoneInfo(zones[site])).date()
        if since <= day and (until is None or day <= until):
            valid[pk].add((site, kind))
    return defaultdict(set, {pk: {site for site, _kind in asked - valid[pk]} for pk in ids})


M = TypeVar("M", bound=Model)

# Longer than one case takes to arrive and be suggested, shorter than anybody notices.
RECENT_SECONDS = 2.0

UNSEEN_AFTER = timedelta(minutes=15)
"""A reader who was present but has not been seen for so long counts as away."""


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
    # A minute's difference of ``at``: replays and tests ask for other moments than the present one.
    if kept and clock < kept[0] and abs(at - kept[1]) < timedelta(minutes=1):
        return kept[2]
    shifts = roster(known).at(at)
    readers = _readers(shifts, at, shifts, known) if shifts else []
    cost = time.monotonic() - clock
    _recent.clear()  # one entry: each change of the stamps would leave another behind
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
    readers = []
    for pk in ids:
        count, minutes = held.get(pk, (0, 0.0))
        readers.append(
            replace(
                standing[pk],
                present=pk not in absent,
                held=count,
                held_minutes=minutes,
                **shift_fields(shifts.get(pk), at, done.get(pk, 0.0)),
            )
        )
    return readers


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
    # Shifts begin at a few moments: one query for each of these, instead of one for each reader.
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
