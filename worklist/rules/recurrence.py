"""When a shift takes place: wall-clock times in a zone, on the days of an RFC 5545 recurrence rule.

A wall-clock time that the change of clocks skips is taken at the offset before it (RFC 5545 3.3.5); one that
happens twice is its first occurrence. So no duty is ever doubled or lost; on the two nights of the year it is
an hour longer or shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from ris.kernel.errors import Invalid

MOST_YEARS = 60
"""A recurrence without an end is looked at for so long."""


@dataclass(frozen=True, slots=True)
class Duty:
    """A recurring duty. ``until`` is the last local date on which one begins, if any."""

    zone: str
    first_day: date
    start: time
    end: time
    rrule: str = ""
    until: date | None = None
    breaks: tuple[tuple[time, time], ...] = ()
    off: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Span:
    """One occurrence: the local date it belongs to, and its moments in UTC."""

    day: date
    start: datetime
    end: datetime
    breaks: tuple[tuple[datetime, datetime], ...] = ()

    def covers(self, at: datetime) -> bool:
        """Whether somebody is on duty at that moment, breaks apart."""
        return self.start <= at < self.end and not any(a <= at < b for a, b in self.breaks)


def moment(day: date, wall: time, zone: str) -> datetime:
    """The moment in UTC of a wall-clock time in a zone."""
    return datetime.combine(day, wall, ZoneInfo(zone)).astimezone(UTC)


def check(duty: Duty) -> None:
    """Raise Invalid, naming the field, unless the duty can be worked out."""
    try:
        ZoneInfo(duty.zone)
    except (KeyError, ValueError, OSError):
        raise Invalid(f"“{duty.zone}” is not an IANA time zone.", at="zone") from None
    upper = duty.rrule.upper()
    if any(word in upper for word in ("SECONDLY", "MINUTELY", "HOURLY", "BYHOUR", "BYMINUTE", "BYSECOND", "\n")):
        raise Invalid("A shift recurs by days: its times of day are its own fields.", at="rrule")
    if "INTERVAL=0" in upper.replace("=00", "=0"):
        raise Invalid("An interval of nothing would never end.", at="rrule")
    try:
        # Without COUNT, _rule ends it by UNTIL: one that never takes place would be looked for until the year 9999.
        parts = [part for part in upper.split(";") if not part.startswith("COUNT=")]
        if duty.rrule and not any(True for _ in _rule(";".join(parts), duty.first_day)):
            raise Invalid("This recurrence never takes place.", at="rrule")
        _rule(duty.rrule, duty.first_day)
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid(f"The recurrence cannot be read: {error}", at="rrule") from None


def spans(duty: Duty, since: datetime, until: datetime) -> Iterator[Span]:
    """Occurrences that overlap the interval of aware moments, in order."""
    zone = ZoneInfo(duty.zone)
    first = since.astimezone(zone).date() - timedelta(days=1)  # a night shift began the day before
    last = until.astimezone(zone).date()
    for day in _days(duty, first, last):
        span = _span(duty, day)
        if span.end > since and span.start < until:
            yield span


def _days(duty: Duty, first: date, last: date) -> Iterator[date]:
    if duty.until:
        last = min(last, duty.until)
    if not duty.rrule:
        if first <= duty.first_day <= last:
            yield from (d for d in [duty.first_day] if d not in duty.off)
        return
    rule = _rule(duty.rrule, duty.first_day)
    for midnight in rule.between(datetime.combine(first, time()), datetime.combine(last, time()), inc=True):
        if midnight.date() not in duty.off:
            yield midnight.date()


# Kept, since each hour of the roster asks every shift's rule; some thousand shifts are a large house's.
@lru_cache(maxsize=4096)
def _rule(rrule: str, first_day: date) -> rruleset:
    # Naive local midnights: an UNTIL in UTC is cut to its date, since days are all that the rule says.
    parts = [part for part in rrule.removeprefix("RRULE:").split(";") if part]
    parts = ["UNTIL=" + part[6:14] if part.upper().startswith("UNTIL=") else part for part in parts]
    if not any(part.upper().startswith(("UNTIL=", "COUNT=")) for part in parts):
        parts.append(f"UNTIL={first_day.year + MOST_YEARS}1231")  # so that one that never takes place ends, too
    rule = rrulestr(";".join(parts), dtstart=datetime.combine(first_day, time()), forceset=True, cache=True)
    assert isinstance(rule, rruleset)
    return rule


def _span(duty: Duty, day: date) -> Span:
    def on_duty_day(wall: time) -> date:
        """Walls before the start are past midnight."""
        return day if wall >= duty.start else day + timedelta(days=1)

    end_day = day if duty.end > duty.start else day + timedelta(days=1)
    return Span(
        day,
        moment(day, duty.start, duty.zone),
        moment(end_day, duty.end, duty.zone),
        tuple((moment(on_duty_day(a), a, duty.zone), moment(on_duty_day(b), b, duty.zone)) for a, b in duty.breaks),
    )
