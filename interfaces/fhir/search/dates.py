"""Dates of a search: a prefix, a moment or a part of one, and the condition that they make (R4 search, 3.1.1.5.4)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from django.db.models import Q

from ris.kernel.errors import Invalid
from ris.kernel.values import is_possible

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<fraction>\.\d{1,6})?)?"
    r"(?P<zone>Z|[+ -]\d\d:?\d\d)?)?)?)?",
    re.ASCII,
)


def date_condition(column: str, text: str, *, at: str, is_day: bool = False) -> Q:
    """The rows whose ``column`` fits ``text``, such as ``ge2026-03`` or ``2026-03-10T12:00Z``.

    A value without a time is the whole day, month or year; without a zone it is UTC. ``is_day``: the column holds
    days. Raises Invalid at the parameter ``at``.
    """
    prefix, rest = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
    first, end = (_as_day(bound) if is_day else bound for bound in read_interval(rest, at=at))
    if is_day and first == end:  # a time within a day
        end = first + timedelta(days=1)
    return _condition(column, prefix, first, end)


def _as_day(bound: datetime) -> date:
    return bound.date()


def _condition(column: str, prefix: str, first: date, end: date) -> Q:
    inside = Q(**{f"{column}__gte": first, f"{column}__lt": end})
    return {
        "eq": inside,
        "ne": Q(**{f"{column}__isnull": False}) & ~inside,
        "gt": Q(**{f"{column}__gte": end}),
        "sa": Q(**{f"{column}__gte": end}),
        "ge": Q(**{f"{column}__gte": first}),
        "lt": Q(**{f"{column}__lt": first}),
        "eb": Q(**{f"{column}__lt": first}),
        "le": Q(**{f"{column}__lt": end}),
    }[prefix]


def read_interval(text: str, *, at: str) -> tuple[datetime, datetime]:
    """The half-open interval (aware) that a date of any precision names. Raises Invalid at ``at``."""
    match = _DATE.fullmatch(text.strip())
    try:
        found = _interval(match.groupdict()) if match else None
    except (ValueError, OverflowError):
        found = None
    if found is None or not all(map(is_possible, found)):
        raise Invalid("A date is wanted, such as 2026-03, ge2026-03-10 or lt2026-03-10T14:30:00Z.", at=at)
    return found


def _interval(part: dict[str, str | None]) -> tuple[datetime, datetime]:
    year, month, day = (int(part[name] or 0) for name in ("year", "month", "day"))
    if not month:
        return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    if not day:
        return datetime(year, month, 1, tzinfo=UTC), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    first = datetime(
        year, month, day, int(part["hour"] or 0), int(part["minute"] or 0), int(part["second"] or 0), tzinfo=UTC
    )
    first = first.replace(microsecond=int(float(part["fraction"] or 0) * 1_000_000)) - _offset(part["zone"])
    if part["hour"] is None:
        return first, first + timedelta(days=1)
    if part["second"] is None:
        return first, first + timedelta(minutes=1)
    return first, first + (timedelta(microseconds=1) if part["fraction"] else timedelta(seconds=1))


def _offset(zone: str | None) -> timedelta:
    """East of Greenwich. A plus that was not escaped in the address arrives as a blank."""
    if not zone or zone == "Z":
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if zone[0] == "-" else offset
