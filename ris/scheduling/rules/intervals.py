"""Opening hours, blocks and closures as moments. A day may have 23 or 25 hours: the site's clock says when it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From ``start`` until before ``end``, UTC."""

    start: datetime
    end: datetime

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether they share a moment; one that begins when the other ends does not."""
        return self.start < end and start < self.end


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """A part of each week by a site's clock; ``closes`` 00:00 is the end of the day."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class KeptHours:
    """A block: hours that are kept for ``procedure_ids`` (none: for urgent exams), until its release."""

    hours: WeeklyHours
    name: str
    procedure_ids: frozenset[int]
    release_hours: int | None

    def takes(self, procedure_id: int | None, *, urgent: bool) -> bool:
        """Whether such an exam may be booked into it before its release."""
        return procedure_id in self.procedure_ids if self.procedure_ids else urgent

    def is_released(self, start: datetime, at: datetime) -> bool:
        """Whether what begins at ``start`` of it is for all by now."""
        return self.release_hours is not None and at >= start - timedelta(hours=self.release_hours)


def day_interval(day: date, zone: ZoneInfo) -> Interval:
    """The day by that clock: from its midnight until the next, which may be 23 or 25 hours later."""
    return Interval(_moment(day, time.min, zone), _moment(day + ONE_DAY, time.min, zone))


def hours_on(hours: WeeklyHours, day: date, zone: ZoneInfo) -> Interval | None:
    """Those hours of that day; None on another weekday, and where a clock change leaves nothing of them."""
    if day.weekday() != hours.weekday:
        return None
    end_day = day + ONE_DAY if hours.closes == time.min else day
    interval = Interval(_moment(day, hours.opens, zone), _moment(end_day, hours.closes, zone))
    return interval if interval.start < interval.end else None


def days_between(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    """The days, by that clock, of which a moment lies between."""
    day, last = start.astimezone(zone).date(), (end - timedelta(microseconds=1)).astimezone(zone).date()
    while day <= last:
        yield day
        day += ONE_DAY


def merge_intervals(intervals: Iterable[Interval]) -> list[Interval]:
    """The same moments as intervals that do not touch, in order."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    # An hour that is twice is its first; one that a clock change skips is as long after midnight as it would have been.
    return datetime.combine(day, clock, zone).astimezone(UTC)
