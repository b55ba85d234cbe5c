"""The coming hours: how many readers are on, what arrives, and where nobody has the skill."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from ris.access.visibility import open_rows
from ris.catalog.models import Subspecialty
from ris.orders.models import ScheduledStep
from ris.orders.states import ARRIVED, SCHEDULED, STARTED
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for

from .coverage import HOUR, Cell, coverage


@dataclass(frozen=True, slots=True)
class HourAhead:
    """One hour from ``start`` (UTC). ``exams`` are booked to begin in it, and take ``minutes`` to read; ``capacity``:
    minutes of the readers on shift; ``gaps``: kinds of work for which nobody with the primary skill is there."""

    start: datetime
    readers: int
    exams: int
    minutes: int
    gaps: tuple[str, ...]

    @property
    def capacity(self) -> int:
        """Reading minutes of the hour, all readers together."""
        return 60 * self.readers

    @property
    def short(self) -> bool:
        """More arrives than the readers of the hour can read."""
        return self.minutes > self.capacity


def hours_ahead(viewer: User, *, at: datetime, hours: int) -> list[HourAhead]:
    """The hours from the full hour of ``at`` on, at the sites whose reading the viewer leads."""
    since = at.replace(minute=0, second=0, microsecond=0)
    cells: dict[datetime, list[Cell]] = defaultdict(list)
    for cell in coverage(viewer, since=since, hours=hours):
        cells[cell.start].append(cell)
    sites = sorted(site_ids_for(viewer, Can.LEAD_READING))
    steps = ScheduledStep.objects.filter(
        procedure__order__site__in=sites, state__in=[SCHEDULED, ARRIVED, STARTED], start__gte=since,
        start__lt=since + hours * HOUR,
    )  # fmt: skip
    steps = open_rows(steps, viewer, patient="procedure__order__patient", site="procedure__order__site")
    exams, minutes = Counter[datetime](), Counter[datetime]()
    for start, reading in steps.values_list("start", "procedure__procedure__reading_minutes"):
        hour = since + int((start - since) / HOUR) * HOUR
        exams[hour] += 1
        minutes[hour] += round(float(reading or 6))
    names = dict(Subspecialty.objects.values_list("pk", "name"))
    ahead = []
    for n in range(hours):
        hour = since + n * HOUR
        here = cells[hour]
        readers = {pk for cell in here for pk in (*cell.primary, *cell.secondary)}
        gaps = sorted({names.get(cell.pool, "Any") for cell in here if cell.gap})
        ahead.append(HourAhead(hour, len(readers), exams[hour], minutes[hour], tuple(gaps)))
    return ahead
