"""Opening hours, closures and blocks of devices, kept in memory until somebody changes one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ris.catalog.models import Device

from ..change_stamps import openings_stamp
from ..models import Block, Closure, OpeningHours
from ..rules.bitmaps import Grid
from ..rules.intervals import (
    Interval,
    KeptHours,
    WeeklyHours,
    days_between,
    hours_on,
    merge_intervals,
)


@dataclass(frozen=True, slots=True)
class Shut:
    """A closure for a person: when, and the reason given."""

    interval: Interval
    reason: str


@dataclass(frozen=True)
class Openings:
    """When one device can be booked. No ``hours``: always."""

    zone: ZoneInfo
    hours: tuple[WeeklyHours, ...]
    kept: tuple[KeptHours, ...]
    shut: tuple[Shut, ...]

    def open_intervals(self, start: datetime, end: datetime) -> list[Interval]:
        """When it is open between the two moments, closures not counted."""
        if not self.hours:
            return [Interval(start, end)]
        found = [
            interval
            for day in days_between(start, end, self.zone)
            for hours in self.hours
            if (interval := hours_on(hours, day, self.zone))
        ]
        return merge_intervals(found)

    def kept_intervals(self, start: datetime, end: datetime) -> Iterator[tuple[KeptHours, Interval]]:
        """The blocks between the two moments."""
        for day in days_between(start, end, self.zone) if self.kept else ():
            for kept in self.kept:
                interval = hours_on(kept.hours, day, self.zone)
                if interval is not None and interval.overlaps(start, end):
                    yield kept, interval


def openings_of(device: Device, stamp: tuple[str, str] | None = None) -> Openings:
    """As the database has them now; ``stamp``: of a caller that asks for many devices and has read it."""
    return _read(stamp or openings_stamp(), device.pk)


def open_bits(device: Device, grid: Grid, stamp: tuple[str, str]) -> int:
    """The bits of the grid in which the device is open, closures not counted."""
    return _open_bits(stamp, device.pk, grid)


# The stamp is only a key: it changes with every table that is read here (ris.scheduling.change_stamps).
@lru_cache(maxsize=512)
def _read(stamp: tuple[str, str], device_id: int) -> Openings:
    device = Device.objects.select_related("site").get(pk=device_id)
    hours = OpeningHours.objects.filter(device=device)
    closures = Closure.objects.filter(site=device.site).filter(device__in=[device_id]) | Closure.objects.filter(
        site=device.site, device=None
    )
    return Openings(
        zone=ZoneInfo(device.site.time_zone),
        hours=tuple(WeeklyHours(row.weekday, row.opens, row.closes) for row in hours),
        kept=tuple(
            KeptHours(
                WeeklyHours(block.weekday, block.opens, block.closes), block.name,
                frozenset(procedure.pk for procedure in block.procedures.all()), block.release_hours,
            )
            for block in Block.objects.filter(device=device).prefetch_related("procedures")
        ),
        shut=tuple(Shut(Interval(row.since, row.until), row.reason) for row in closures.order_by("since")),
    )  # fmt: skip


@lru_cache(maxsize=512)
def _open_bits(stamp: tuple[str, str], device_id: int, grid: Grid) -> int:
    openings = _read(stamp, device_id)
    intervals = openings.open_intervals(grid.moment(0), grid.moment(grid.bits))
    return grid.within((interval.start.timestamp(), interval.end.timestamp()) for interval in intervals)
