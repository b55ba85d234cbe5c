"""Date and time matching (PS3.4 C.2.2.2.5): single values, ranges, and both combined into one interval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

_MICROSECOND = timedelta(microseconds=1)
NEVER = date.min
"""A date that cannot be read matches nothing, rather than everything."""


_FIRST, _LAST = date(1, 1, 2), date(9999, 12, 30)
"""Ends of a range leave room for the conversion to UTC: ``-99991231`` is how some devices write an open end."""


def parse_date(text: str) -> date:
    """``YYYYMMDD``, ``YYYY.MM.DD`` or ``YYYY-MM-DD``; what follows (a time on a date) is ignored."""
    digits = re.sub(r"[^0-9]", "", text.strip())[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return NEVER


def parse_time(text: str) -> tuple[time, time] | None:
    """The first and last moment that a TM value names: ``08`` is the whole hour. None: not a time."""
    match = re.fullmatch(r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(?:\.(\d{1,6}))?)?)?", text.strip())
    if not match:
        return None
    hour, minute, second, fraction = match.groups()
    try:
        first = time(int(hour), int(minute or 0), min(int(second or 0), 59), int((fraction or "0").ljust(6, "0")))
    except ValueError:
        return None
    length = timedelta(hours=1) if minute is None else timedelta(minutes=1) if second is None else timedelta(seconds=1)
    span = (
        _MICROSECOND if fraction and len(fraction) == 6 else length - _MICROSECOND if fraction is None else _MICROSECOND
    )
    last = (datetime.combine(date(2000, 1, 1), first) + span).time()
    return first, last if last >= first else time.max


def _halves(text: str) -> tuple[str, str]:
    """The two ends of a range; a single value is both of them. An end may be empty."""
    text = text.strip()
    # An ISO date has two hyphens, a range one: 2026-03-01 is a day, 20260301-20260302 two.
    iso = re.fullmatch(r"(\d{4}-\d{2}-\d{2}).*", text)
    if iso and text.count("-") == 2:
        return iso.group(1), iso.group(1)
    if "-" not in text:
        return text, text
    first, _, last = text.partition("-")
    return first.strip(), last.strip()


def parse_utc_offset(text: str) -> tzinfo | None:
    """``+0100`` as a time zone; None when it is none."""
    match = re.fullmatch(r"([+-])(\d{2})(\d{2})", text.strip())
    # No zone is further from UTC than 14 hours (PS3.3 C.12.1.1.8: -1200 to +1400).
    if not match or int(match.group(2)) > 14:
        return None
    minutes = int(match.group(2)) * 60 + int(match.group(3))
    return timezone(timedelta(minutes=-minutes if match.group(1) == "-" else minutes))


@lru_cache(maxsize=2048)  # a device asks the same interval every minute, all day
def build_interval(dates: str, times: str, zone: tzinfo) -> Mapping[str, datetime | time | None]:
    """The fields of MwlQuestion that date and time keys ask: aware bounds, or a time of day without a date."""
    dates, times = dates.strip("* "), times.strip("* ")
    # Both combined (PS3.4 C.2.2.2.5): the first time belongs to the first day, the last time to the last day.
    early, late = time.min, time.max
    if times:
        first, last = _halves(times)
        early = (parse_time(first) or (time.min, time.min))[0] if first else time.min
        late = (parse_time(last) or (time.max, time.max))[1] if last else time.max
    if not dates:
        return {"time_from": early, "time_until": late} if times else {}
    first_day, last_day = _halves(dates)
    bounds: dict[str, datetime | time | None] = {}
    if first_day:
        bounds["start_from"] = _aware(parse_date(first_day), early, zone)
    if last_day:
        bounds["start_until"] = _aware(parse_date(last_day), late, zone)
    return bounds


def _aware(on: date, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(min(max(on, _FIRST), _LAST), at, zone)
