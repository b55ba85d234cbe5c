"""Data types TS, DTM and DT (HL7 v2.5.1 chapter 2.A): ``YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]``.

ISO 8601 with its separators (``1980-01-01``, ``2026-03-10T12:00:00Z``), which some senders write, is read alike.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo

from ris.kernel.values import is_possible

_TS = re.compile(r"(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(\d\d)?(\d\d)?(?:\.(\d{1,6}))?)?\s*([+-]\d{4})?")


_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,6})?)?\s*(?:(Z)|([+-]\d\d):?(\d\d))?)?")


def _compact(text: str) -> str:
    """The text without blanks around it; ISO 8601 as TS."""
    text = text.strip()
    match = _ISO.fullmatch(text) if text[4:5] == "-" else None
    if match is None:
        return text
    *parts, utc, hours, minutes = (part or "" for part in match.groups())
    return "".join(parts) + ("+0000" if utc else hours + minutes)


def parse_moment(text: str, default: tzinfo) -> datetime | None:
    """Return the moment of a TS, aware; its own offset wins over ``default``.

    None when the text is no TS, or lies outside of the years of ``ris.kernel.values``. Parts left out
    are the first: ``2026`` is the first of January, midnight. The hour 24 is midnight of the next day;
    a second 60 is the next minute.
    """
    match = _TS.fullmatch(_compact(text))
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups()[:6])
    try:
        start = datetime(year or 0, month or 1, day or 1, tzinfo=_offset(match.group(8)) or default)
        elapsed = timedelta(
            # 24:00 and a leap second are written by some systems; both are the next moment.
            hours=_upto(hour, 24),
            minutes=_upto(minute, 59),
            seconds=_upto(second, 60),
            microseconds=int((match.group(7) or "0").ljust(6, "0")),
        )
        # Added to the wall time: arithmetic on aware times would shift on the day that the clocks change.
        moment = (start.replace(tzinfo=None) + elapsed).replace(tzinfo=start.tzinfo)
    except (ValueError, OverflowError):
        return None
    return moment if is_possible(moment) else None


def _upto(value: int | None, most: int) -> int:
    if value is not None and value > most:
        raise ValueError(value)
    return value or 0


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))


def parse_day(text: str) -> date | None:
    """Return the date of a DT or TS; None when the day is missing or impossible, such as 00010101."""
    digits = _compact(text)[:8]
    if not re.fullmatch(r"\d{8}", digits):
        return None
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return day if is_possible(day) else None


def format_moment(at: datetime, zone: tzinfo) -> str:
    """Return ``at`` to the second with the offset of ``zone``, such as ``20261124183000+0000``."""
    return at.astimezone(zone).strftime("%Y%m%d%H%M%S%z")
