"""Readers as the rules see them at a moment. A few queries, however many readers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, Sum

from ris.people.models import User
from ris.people.roles import Can
from worklist.models import Presence, Privilege, ReaderProfile, ReadingItem, Skill
from worklist.rules.eligible import ReaderNow, SkillNow
from worklist.states import CLAIMED, FINAL, WAITING

from .access import permissions_of_many, sites_of_many
from .roster import OnShift, on_shift, stamp

UNSEEN_AFTER = timedelta(minutes=15)
"""A reader who was present but has not been seen for so long counts as away."""

_DEFAULTS = ReaderProfile()


def reader_now(user: User, at: datetime) -> ReaderNow:
    """One reader. Someone without any role that reads gets no sites."""
    return _readers([user.pk], at, on_shift(at))[0]


def readers_now(at: datetime) -> list[ReaderNow]:
    """All who are on shift at that moment."""
    shifts = on_shift(at)
    return _readers(shifts, at, shifts) if shifts else []


RECENT_SECONDS = 2.0
_recent: dict[tuple[str, str], tuple[float, datetime, list[ReaderNow]]] = {}


def readers_recent(at: datetime) -> list[ReaderNow]:
    """The same as of at most two seconds ago: good enough to suggest somebody, who is looked at again at the claim.

    A change of the roster counts at once. The list is the caller's to keep up to date (:func:`note_suggested`).
    """
    key, clock = stamp(), time.monotonic()
    kept = _recent.get(key)
    if kept and clock - kept[0] < RECENT_SECONDS and abs(at - kept[1]) < timedelta(minutes=1):
        return kept[2]
    readers = readers_now(at)
    _recent.clear()
    _recent[key] = (clock, at, readers)
    return readers


def note_suggested(readers: list[ReaderNow], reader_id: int, minutes: float) -> None:
    """Count a suggestion in a list that is kept for a while, so that the next goes to somebody else."""
    for n, reader in enumerate(readers):
        if reader.id == reader_id:
            readers[n] = replace(reader, deficit=reader.deficit - minutes)
            return


def _readers(ids: Collection[int], at: datetime, shifts: dict[int, OnShift]) -> list[ReaderNow]:
    ids = list(ids)
    cans = permissions_of_many(ids)
    sites = sites_of_many(ids, cans, Can.READ_CASES)
    profiles = {p.user_id: p for p in ReaderProfile.objects.filter(user__in=ids)}
    skills = _skills(ids)
    unlicensed = _unlicensed(ids, at)
    absent = _absent(ids, at)
    held = _held(ids)
    done = _minutes_this_shift({i: shifts[i] for i in ids if i in shifts})
    found = []
    for pk in ids:
        profile, shift = profiles.get(pk, _DEFAULTS), shifts.get(pk)
        count, minutes = held.get(pk, (0, 0.0))
        found.append(
            ReaderNow(
                id=pk,
                sites=sites[pk],
                can_sign=Can.SIGN_REPORTS in cans[pk],
                skills=tuple(skills[pk]),
                unlicensed=frozenset(unlicensed[pk]),
                present=pk not in absent,
                held=count,
                held_minutes=minutes,
                most_claims=profile.most_claims,
                most_minutes=float(profile.most_minutes),
                pace=profile.pace,
                seniority=profile.seniority,
                trainee=profile.trainee,
                team=profile.team,
                accepts_push=profile.accepts_push,
                **_shift_parts(shift, at, done.get(pk, 0.0)),
            )
        )
    return found


def _shift_parts(shift: OnShift | None, at: datetime, done: float) -> dict[str, Any]:
    if shift is None:
        return {}
    minute = timedelta(minutes=1)
    return {
        "minutes_left": (shift.span.end - at) / minute,
        "shift_sites": shift.sites,
        "shift_pools": shift.pools,
        "deficit": (at - shift.span.start) / minute - done,
        "kind": shift.kind,
    }


def _skills(ids: list[int]) -> dict[int, list[SkillNow]]:
    found: dict[int, list[SkillNow]] = defaultdict(list)
    for s in Skill.objects.filter(reader__in=ids).order_by("level", "pk"):
        found[s.reader_id].append(
            SkillNow(s.subspecialty_id, s.level, frozenset(s.modalities), frozenset(s.regions), s.youngest, s.oldest)
        )
    return found


def _unlicensed(ids: list[int], at: datetime) -> dict[int, set[int]]:
    """Sites that ask for privileges of which the reader has not every kind, valid today at the site."""
    asked: dict[tuple[int, str], set[int]] = defaultdict(set)
    today: dict[int, Any] = {}
    for p in Privilege.objects.select_related("site"):
        day = today.setdefault(p.site_id, at.astimezone(ZoneInfo(p.site.time_zone)).date())
        holders = asked[p.site_id, p.kind]
        if p.valid_from <= day and (p.valid_until is None or day <= p.valid_until):
            holders.add(p.reader_id)
    found: dict[int, set[int]] = defaultdict(set)
    for (site, _kind), holders in asked.items():
        for pk in ids:
            if pk not in holders:
                found[pk].add(site)
    return found


def _absent(ids: list[int], at: datetime) -> set[int]:
    """Who said so, or has not been seen lately. Nobody's presence is known until they first sign in."""
    gone = ~Q(state=Presence.AVAILABLE) | Q(last_seen_at__lt=at - UNSEEN_AFTER)
    return set(Presence.objects.filter(gone, reader__in=ids).values_list("reader", flat=True))


def _held(ids: list[int]) -> dict[int, tuple[int, float]]:
    held: dict[int, tuple[int, float]] = {}
    rows = ReadingItem.objects.filter(reader__in=ids, state=CLAIMED).values_list("reader", "reading_minutes")
    for pk, minutes in rows:
        count, total = held.get(pk, (0, 0.0))
        held[pk] = (count + 1, total + minutes)
    return held


def _minutes_this_shift(shifts: dict[int, OnShift]) -> dict[int, float]:
    """Reading minutes taken or suggested since the shift began, also before a log-out."""
    if not shifts:
        return {}
    total: dict[int, float] = defaultdict(float)
    since = min(shift.span.start for shift in shifts.values())
    taken = ReadingItem.objects.filter(reader__in=shifts, state__in=[CLAIMED, FINAL], claimed_at__gte=since)
    for pk, when, minutes in taken.values_list("reader", "claimed_at", "reading_minutes"):
        if pk and when and when >= shifts[pk].span.start:
            total[pk] += minutes
    waiting = ReadingItem.objects.filter(assigned_to__in=shifts, state__in=WAITING, lane__isnull=False)
    for pk, minutes in waiting.values_list("assigned_to").annotate(total=Sum("reading_minutes")):
        total[pk] += minutes
    return total
