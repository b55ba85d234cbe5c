"""Who may read a case now: hard filters, each with a name that is shown when it rules somebody out.

Also what depends on all who are on shift at that moment: whether somebody covers the work of a case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from .score import POOL, PRIMARY, SECONDARY

# Critical cases: they are offered to one reader at a time, and the end of a shift does not spare anybody.
MOST_URGENT = 1
IN_HOUSE, ON_CALL = "in-house", "on-call"
OVERTIME_MINUTES = 10.0
"""A case may end so long after the shift."""


@dataclass(frozen=True, slots=True)
class SkillNow:
    """A subspecialty (``pool``) at a level, 1 primary or 2 secondary; empty sets do not narrow."""

    pool: int
    level: int
    modalities: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    youngest: int | None = None
    oldest: int | None = None

    def fits(self, needs: Needs) -> bool:
        """Whether the skill covers pool, modality, region and age of the case."""
        if needs.pool != self.pool or (self.modalities and needs.modality not in self.modalities):
            return False
        if self.regions and needs.region not in self.regions:
            return False
        if needs.age is None:
            return True
        return (self.youngest is None or needs.age >= self.youngest) and (
            self.oldest is None or needs.age <= self.oldest
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a case asks of its reader. ``skill_needed``: a subspecialty that a rule insists on.

    ``team_first``: a resident's, whose own team is there to sign it. ``in_house``: somebody not on call covers it.
    """

    site_id: int
    pool: int
    modality: str
    region: str = ""
    age: int | None = None
    urgency: int = 5
    reading_minutes: float = 6.0
    reach: int = PRIMARY
    awaits_signer: bool = False
    preliminary_by: int | None = None
    second_reader: bool = False
    reserved_for: int | None = None
    teaching: bool = False
    skill_needed: int | None = None
    ordered_by: int | None = None
    conflicted: frozenset[int] = frozenset()
    skipped_by: frozenset[int] = frozenset()
    prior_readers: frozenset[int] = frozenset()
    holders_of_patient: frozenset[int] = frozenset()
    team: str = ""
    team_first: bool = False
    in_house: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderNow:
    """A reader at a moment. ``minutes_left`` of the shift is None off duty; None sets mean "all of them"."""

    id: int
    sites: frozenset[int]
    can_sign: bool = True
    skills: tuple[SkillNow, ...] = ()
    minutes_left: float | None = None
    shift_sites: frozenset[int] | None = None
    shift_pools: frozenset[int] | None = None
    unlicensed: frozenset[int] = frozenset()
    present: bool = True
    held: int = 0
    held_minutes: float = 0.0
    most_claims: int = 3
    most_minutes: float = 90.0
    pace: float = 1.0
    deficit: float = 0.0
    seniority: int = 0
    trainee: bool = False
    team: str = ""
    accepts_push: bool = True
    kind: str = IN_HOUSE
    called_for: int = 2

    def level(self, needs: Needs) -> int | None:
        """The best level of a fitting skill: 1, 2, or None."""
        return min((skill.level for skill in self.skills if skill.fits(needs)), default=None)


def _off_shift(reader: ReaderNow, needs: Needs) -> bool:
    return reader.minutes_left is None


def _shift_is_for_others(reader: ReaderNow, needs: Needs) -> bool:
    elsewhere = reader.shift_sites is not None and needs.site_id not in reader.shift_sites
    # Once a case is for everybody (reach 2), the subspecialties of a shift narrow nothing; its sites still do.
    other = reader.shift_pools is not None and needs.pool not in reader.shift_pools and needs.reach < 2
    return elsewhere or other


def _shift_ends(reader: ReaderNow, needs: Needs) -> bool:
    if reader.minutes_left is None or needs.urgency <= MOST_URGENT:
        return False
    return needs.reading_minutes * reader.pace > reader.minutes_left + OVERTIME_MINUTES


def _away(reader: ReaderNow, needs: Needs) -> bool:
    return not reader.present


def _no_site(reader: ReaderNow, needs: Needs) -> bool:
    return needs.site_id not in reader.sites


def _no_licence(reader: ReaderNow, needs: Needs) -> bool:
    return needs.site_id in reader.unlicensed


def _no_skill(reader: ReaderNow, needs: Needs) -> bool:
    if needs.pool == 0:  # nobody knows the procedure, so nobody can be asked for its skill
        return False
    return reader.level(needs) is None and needs.reach < POOL


def _no_needed_skill(reader: ReaderNow, needs: Needs) -> bool:
    # Either level will do, but a skill that is narrowed to other modalities, regions or ages is none for this case.
    return needs.skill_needed is not None and reader.level(replace(needs, pool=needs.skill_needed)) is None


def _cannot_sign(reader: ReaderNow, needs: Needs) -> bool:
    return needs.awaits_signer and not reader.can_sign


def _own_preliminary(reader: ReaderNow, needs: Needs) -> bool:
    return needs.preliminary_by == reader.id and (needs.second_reader or needs.awaits_signer)


def _own_order(reader: ReaderNow, needs: Needs) -> bool:
    return needs.ordered_by is not None and needs.ordered_by == reader.id


def _own_family(reader: ReaderNow, needs: Needs) -> bool:
    return reader.id in needs.conflicted


def _reserved(reader: ReaderNow, needs: Needs) -> bool:
    return needs.reserved_for is not None and needs.reserved_for != reader.id


def _skipped(reader: ReaderNow, needs: Needs) -> bool:
    return reader.id in needs.skipped_by


def _other_team(reader: ReaderNow, needs: Needs) -> bool:
    return needs.team_first and reader.team != needs.team


def _on_call(reader: ReaderNow, needs: Needs) -> bool:
    return needs.in_house and reader.kind == ON_CALL and needs.urgency > reader.called_for


def _full(reader: ReaderNow, needs: Needs) -> bool:
    # Whoever holds nothing may take a case that is longer than all minutes allowed: or nobody could read it.
    return reader.held >= reader.most_claims or (
        reader.held > 0 and reader.held_minutes + needs.reading_minutes > reader.most_minutes
    )


# A refusal names the first that holds: what no time changes stands before what passes with the shift.
FILTERS: dict[str, tuple[str, Callable[[ReaderNow, Needs], bool]]] = {
    "site": ("does not read for this site", _no_site),
    "licence": ("has no valid licence or credential at this site", _no_licence),
    "signer": ("may not sign", _cannot_sign),
    "own preliminary": ("wrote the preliminary report", _own_preliminary),
    "own order": ("ordered the exam", _own_order),
    "own family": ("is too close to the patient", _own_family),
    "reserved": ("it is reserved for somebody else", _reserved),
    "skill needed": ("has not the skill that a rule asks for", _no_needed_skill),
    "shift": ("is not on shift", _off_shift),
    "shift's scope": ("is on shift for other sites or subspecialties", _shift_is_for_others),
    "shift's end": ("could not end it before the shift does", _shift_ends),
    "presence": ("is away", _away),
    "skill": ("has no skill for it, and it is not for everybody yet", _no_skill),
    "team": ("is not of the resident's team, who sign it first", _other_team),
    "on call": ("is on call, and somebody in-house covers it", _on_call),
    "skipped": ("declined it", _skipped),
    "full": ("holds as many cases as allowed", _full),
}
"""Name → (what is said of the reader, test). The first eight hold for a case picked by hand, too."""

BINDING = ("site", "licence", "signer", "own preliminary", "own order", "own family", "reserved", "skill needed")
"""Filters that a reader who picks a case by hand cannot pass either."""


def ruled_out(reader: ReaderNow, needs: Needs, *, only: Iterable[str] | None = None) -> list[str]:
    """Names of the filters that rule the reader out; empty: eligible."""
    names = FILTERS if only is None else only
    return [name for name in names if FILTERS[name][1](reader, needs)]


def coverage_gap(readers: Iterable[ReaderNow], site: int, pool: int, modality: str) -> int:
    """PRIMARY when somebody with the primary skill is there; else how far it must reach to find anybody."""
    # Caps are not asked: who holds as many cases as allowed is on shift all the same.
    levels = {
        skill.level
        for reader in readers
        if reader.present
        and site in reader.sites - reader.unlicensed
        and (reader.shift_sites is None or site in reader.shift_sites)
        and (reader.shift_pools is None or pool in reader.shift_pools)
        for skill in reader.skills
        if skill.pool == pool and (not skill.modalities or modality in skill.modalities)
    }
    return PRIMARY if 1 in levels else SECONDARY if 2 in levels else POOL


def needs_given_coverage(needs: Needs, readers: Iterable[ReaderNow]) -> Needs:
    """The needs, with what depends on who is there: those on call are spared what somebody in-house covers.

    Somebody who only holds as many cases as allowed at this moment covers it.
    """
    covering = (reader for reader in readers if reader.kind != ON_CALL)
    return replace(needs, in_house=any(set(ruled_out(reader, needs)) <= {"full"} for reader in covering))
