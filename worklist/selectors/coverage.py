"""Who covers what: for each subspecialty, site, modality and hour, who is on shift, and where nobody is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ris.catalog.models import Procedure, Site
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for
from worklist.models import Skill
from worklist.rules.eligibility import SkillNow

from .access import permissions_of_many, sites_of_many
from .roster import OnShift, roster

HOUR = timedelta(hours=1)
MOST_HOURS = 31 * 24


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour from ``start`` (UTC) of one kind of work. A reader counts who is there for the whole hour but breaks."""

    start: datetime
    site_id: int
    pool: int
    modality: str
    primary: tuple[int, ...]
    secondary: tuple[int, ...]

    @property
    def gap(self) -> bool:
        """Nobody with the primary skill."""
        return not self.primary


def kinds_of_work() -> list[tuple[int, str]]:
    """(subspecialty, modality) of all that can be ordered."""
    rows = Procedure.objects.filter(active=True).order_by().values_list("subspecialty", "modality").distinct()
    return sorted(rows)


def coverage(viewer: User, *, since: datetime, hours: int) -> list[Cell]:
    """Cells for the sites whose reading the viewer leads, from the full hour at ``since``; at most 31 days."""
    return _cells(list(sites_for(viewer, Can.LEAD_READING).values_list("pk", flat=True)), since, hours)


def gaps_ahead(at: datetime, *, hours: int) -> list[Cell]:
    """Cells of every site in the coming hours in which nobody with the primary skill is there."""
    return [cell for cell in _cells(list(Site.objects.values_list("pk", flat=True)), at, hours) if cell.gap]


def _cells(sites: list[int], since: datetime, hours: int) -> list[Cell]:
    since = since.replace(minute=0, second=0, microsecond=0)
    hours = max(1, min(hours, MOST_HOURS))
    duties = list(roster().between(since, since + hours * HOUR))
    people = {duty.reader_id for duty in duties}
    allowed = sites_of_many(people, permissions_of_many(people), Can.READ_CASES)
    skills: dict[int, list[SkillNow]] = {}
    for s in Skill.objects.filter(reader__in=people):
        skills.setdefault(s.reader_id, []).append(SkillNow(s.subspecialty_id, s.level, frozenset(s.modalities)))
    cells, kinds = list[Cell](), kinds_of_work()
    for n in range(hours):
        start = since + n * HOUR
        there = [d for d in duties if d.span.start <= start and d.span.end >= start + HOUR and d.kind != "teaching"]
        for site in sites:
            here = [d for d in there if site in allowed[d.reader_id] and (d.sites is None or site in d.sites)]
            for pool, modality in kinds:
                levels = dict(_levels(here, skills, pool, modality))
                ranked = sorted(levels)
                cells.append(
                    Cell(
                        start,
                        site,
                        pool,
                        modality,
                        tuple(pk for pk in ranked if levels[pk] == 1),
                        tuple(pk for pk in ranked if levels[pk] == 2),
                    )
                )
    return cells


def _levels(
    duties: list[OnShift], skills: dict[int, list[SkillNow]], pool: int, modality: str
) -> Iterator[tuple[int, int]]:
    for duty in duties:
        if duty.pools is not None and pool not in duty.pools:
            continue
        fit = [
            s.level
            for s in skills.get(duty.reader_id, ())
            if s.pool == pool and (not s.modalities or modality in s.modalities)
        ]
        if fit:
            yield duty.reader_id, min(fit)
