"""What is true of readers until somebody changes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ris.catalog.models import Site
from ris.people.roles import Can
from worklist.models import Privilege, ReaderProfile, Skill
from worklist.rules.eligibility import ReaderNow, SkillNow

from .access import permissions_of_many, sites_of_many
from .stamps import Stamps

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
        if len(_standing) >= 4:
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
    found = {}
    for pk in ids:
        profile = profiles.get(pk, _DEFAULTS)
        found[pk] = ReaderNow(
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
    return found


def _skills(ids: list[int]) -> dict[int, list[SkillNow]]:
    found: dict[int, list[SkillNow]] = defaultdict(list)
    for s in Skill.objects.filter(reader__in=ids).order_by("level", "pk"):
        found[s.reader_id].append(
            SkillNow(s.subspecialty_id, s.level, frozenset(s.modalities), frozenset(s.regions), s.youngest, s.oldest)
        )
    return found


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
