"""Critical findings for those who lead, read or are told; how many were acknowledged within their limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.urls import reverse

from ris.access.visibility import open_rows
from ris.catalog.models import Site
from ris.kernel.errors import NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, site_ids_for, sites_for
from worklist.selectors.additions import BellRow, Tile

from ..models import CRITICAL_LEVELS, Communication, CriticalFinding, CriticalMessage, ListedFinding, Report
from . import states
from .limits import DEFAULT_MINUTES, limit_minutes

MOST_TOLD = 20
LONGEST_SPAN = timedelta(days=366)


def visible_findings(viewer: User) -> QuerySet[CriticalFinding]:
    """Findings at the sites where the viewer reads or leads: of a lead all, of a reader those that they marked."""
    leads = list(site_ids_for(viewer, Can.LEAD_READING))
    reads = list(site_ids_for(viewer, Can.READ_CASES))
    seen = Q(report__item__site__in=leads) | Q(report__item__site__in=reads, marked_by=viewer)
    rows = _open(CriticalFinding.objects.filter(seen), viewer)
    return rows.select_related(
        "report__item__site", "report__procedure__order__patient", "report__procedure__procedure", "marked_by",
        "acknowledged_by",
    )  # fmt: skip


def _open(rows: QuerySet[CriticalFinding], viewer: User) -> QuerySet[CriticalFinding]:
    """Without those of patients who are closed to the viewer."""
    return open_rows(rows, viewer, patient="report__procedure__order__patient", site="report__item__site")


def finding_for(viewer: User, finding_id: int) -> CriticalFinding:
    """One of them. Raises NotFound."""
    row = visible_findings(viewer).filter(pk=finding_id).first()
    if row is None:
        raise NotFound("There is no such critical finding at your sites.")
    return row


def open_findings(viewer: User) -> QuerySet[CriticalFinding]:
    """Open loops: those that are due first stand first, so overdue ones before all others."""
    rows = visible_findings(viewer).filter(state=states.OPEN).prefetch_related("messages", "communications__told_by")
    return rows.order_by("due_at", "pk")


def loops_of(report: Report | None) -> list[CriticalFinding]:
    """All loops of a report, the newest first, with what was sent and recorded."""
    if report is None:
        return []
    rows = report.critical_findings.select_related("acknowledged_by", "marked_by", "report__item__site")
    return list(rows.prefetch_related("messages").order_by("-pk"))


def communications_of(report: Report | None) -> list[Communication]:
    """Who was told of a report, the last first."""
    return list(report.communications.select_related("told_by").order_by("-told_at", "-pk")) if report else []


def listed_findings(site_id: int) -> list[ListedFinding]:
    """What the site counts as critical, by name; a site's own row hides the one of every site."""
    rows = ListedFinding.objects.filter(Q(site=site_id) | Q(site=None))
    chosen: dict[str, ListedFinding] = {}
    for row in sorted(rows, key=lambda row: row.site_id is not None):
        chosen[row.name.lower()] = row
    return sorted((row for row in chosen.values() if row.active), key=lambda row: row.name.lower())


def limits_of(viewer: User) -> list[tuple[Site, dict[str, int]]]:
    """Each site that the viewer leads, with its limit (minutes) by level, whoever set it."""
    sites = sites_for(viewer, Can.LEAD_READING).order_by("code")
    return [(site, {level: limit_minutes(site.pk, level) for level in DEFAULT_MINUTES}) for site in sites]


def told_rows(user: User) -> QuerySet[CriticalMessage]:
    """What waits on a person's screen: findings to acknowledge, and findings that do not stand any more."""
    rows = CriticalMessage.objects.filter(user=user, state=CriticalMessage.SHOWN)
    return rows.select_related("finding__report__item__site").order_by("-due_at")


def critical_bell(user: User) -> list[BellRow]:
    """The same as rows of the bell."""
    return [
        BellRow(
            reverse("reporting:critical-told", args=[row.pk]),
            "siren" if row.rung else "ban",
            f"Critical finding, {row.finding.level}: acknowledge" if row.rung else "A critical finding does not stand",
            row.finding.report.item.site.code,
            row.due_at,
        )
        for row in told_rows(user)[:MOST_TOLD]
    ]


def critical_tiles(lead: User, at: datetime) -> list[Tile]:
    """How many loops are open, and over their limit, for the coordinator's page."""
    if Can.LEAD_READING not in permissions_of(lead):
        return []
    sites = list(site_ids_for(lead, Can.LEAD_READING))
    waiting = _open(CriticalFinding.objects.filter(state=states.OPEN, report__item__site__in=sites), lead)
    url, late = reverse("reporting:critical"), waiting.filter(due_at__lte=at).count()
    return [
        Tile(url, "siren", "Critical, open", waiting.count(), red=late > 0),
    ]


@dataclass(frozen=True, slots=True)
class Kept:
    """Of the findings of a level that were marked in a month: how many were acknowledged within their limit.

    ``open_late``: not acknowledged, and over the limit. Findings that are open and in time count in no share.
    """

    level: str
    month: str
    marked: int
    within: int
    late: int
    open_late: int
    open_in_time: int
    median_minutes: float | None

    @property
    def percent(self) -> int | None:
        """Acknowledged within the limit, of those whose limit is over or that were acknowledged."""
        settled = self.within + self.late + self.open_late
        return round(100 * self.within / settled) if settled else None


def kept_limits(viewer: User, *, at: datetime, zone: ZoneInfo, months: int = 12) -> list[Kept]:
    """Per month (of the zone) and level, the newest month first. Withdrawn findings are left out."""
    since = at - min(LONGEST_SPAN, timedelta(days=31 * months))
    sites = list(site_ids_for(viewer, Can.LEAD_READING))
    rows = _open(CriticalFinding.objects.filter(report__item__site__in=sites, marked_at__gte=since), viewer)
    rows = rows.exclude(state=states.WITHDRAWN)
    cells: defaultdict[tuple[str, str], list[tuple[datetime, datetime, datetime | None]]] = defaultdict(list)
    for level, marked, due, done in rows.values_list("level", "marked_at", "due_at", "acknowledged_at"):
        cells[f"{marked.astimezone(zone):%Y-%m}", level].append((marked, due, done))
    order = [level for level, _ in CRITICAL_LEVELS]
    found = [_kept(level, month, cell, at) for (month, level), cell in cells.items()]
    found.sort(key=lambda row: order.index(row.level))
    return sorted(found, key=lambda row: row.month, reverse=True)


def _kept(level: str, month: str, cell: Iterable[tuple[datetime, datetime, datetime | None]], at: datetime) -> Kept:
    rows = list(cell)
    minutes = [(done - marked) / timedelta(minutes=1) for marked, _, done in rows if done is not None]
    return Kept(
        level, month, len(rows),
        within=sum(done is not None and done <= due for _, due, done in rows),
        late=sum(done is not None and done > due for _, due, done in rows),
        open_late=sum(done is None and due <= at for _, due, done in rows),
        open_in_time=sum(done is None and due > at for _, due, done in rows),
        median_minutes=round(median(minutes), 1) if minutes else None,
    )  # fmt: skip
