"""HL7 time stamps (TS, DTM): ``YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]``."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from ris.kernel.moments import is_possible

_TS = re.compile(r"(\d{4})(\d\d)?(\d\d)?(?:(\d\d)(\d\d)?(\d\d)?(?:\.(\d{1,6}))?)?\s*([+-]\d{4})?")


def zone(name: str) -> tzinfo:
    """The time zone of that IANA name."""
    return ZoneInfo(name)


def moment(text: str, default: tzinfo) -> datetime | None:
    """The moment ``text`` names, aware; its own offset wins over ``default``. None when it names none,
    or one outside of the years of ``ris.kernel.moments``.

    What it leaves out is the beginning: ``2026`` is the first of January, midnight. The hour 24 is
    midnight of the next day; a second 60 is the next minute.
    """
    found = _TS.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    try:
        start = datetime(year or 0, month or 1, day or 1, tzinfo=_offset(found.group(8)) or default)
        passed = timedelta(
            hours=_upto(hour, 24),
            minutes=_upto(minute, 59),
            seconds=_upto(second, 60),
            microseconds=int((found.group(7) or "0").ljust(6, "0")),
        )
        found_at = (start.replace(tzinfo=None) + passed).replace(tzinfo=start.tzinfo)
    except (ValueError, OverflowError):
        return None
    return found_at if is_possible(found_at) else None


def _upto(value: int | None, most: int) -> int:
    if value is not None and value > most:
        raise ValueError(value)
    return value or 0


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[3:5])))


def day(text: str) -> date | None:
    """The date of a DT or TS, of which at least the day must be given; None when it is none, such as 00010101."""
    digits = text.strip()[:8]
    if not re.fullmatch(r"\d{8}", digits):
        return None
    try:
        found = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return found if is_possible(found) else None


def write(at: datetime, zone: tzinfo) -> str:
    """``at`` to the second with its offset, such as ``20261124183000+0000``."""
    return at.astimezone(zone).strftime("%Y%m%d%H%M%S%z")
