"""The roster as iCalendar (RFC 5545), out and in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vRecur

from ris.kernel.errors import Invalid
from worklist.models import Shift

MOST_BYTES = 2_000_000


def write_calendar(shifts: Iterable[Shift], at: datetime) -> bytes:
    """A VCALENDAR with a VEVENT for each shift: days off and swaps as EXDATE, a substitute's day as an event."""
    calendar = Calendar()
    calendar.add("prodid", "-//Wetread//Roster//EN")
    calendar.add("version", "2.0")
    for shift in shifts:
        zone = ZoneInfo(shift.zone)
        changes = list(shift.changes.select_related("substitute"))
        event = _event(shift, shift.first_day, zone, at, uid=shift.uid, summary=f"{shift.reader} · {shift.name}")
        if shift.rrule:
            rule = vRecur.from_ical(shift.rrule.removeprefix("RRULE:"))
            if shift.last_day and "COUNT" not in rule:
                rule["UNTIL"] = datetime.combine(shift.last_day, time(23, 59, 59), zone).astimezone(UTC)
            event.add("rrule", rule)
        for change in changes:
            event.add("exdate", datetime.combine(change.day, shift.start_time, zone))
        calendar.add_component(event)
        for change in changes:
            if change.substitute:
                uid = f"{change.day.isoformat()}-{shift.uid}"
                summary = f"{change.substitute} · {shift.name} (for {shift.reader})"
                calendar.add_component(_event(shift, change.day, zone, at, uid=uid, summary=summary))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _event(shift: Shift, day: date, zone: ZoneInfo, at: datetime, *, uid: str, summary: str) -> Event:
    end_day = day if shift.end_time > shift.start_time else day + timedelta(days=1)
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", at.astimezone(UTC))
    event.add("dtstart", datetime.combine(day, shift.start_time, zone))
    event.add("dtend", datetime.combine(end_day, shift.end_time, zone))
    event.add("summary", summary)
    event.add("categories", [shift.kind])
    return event


def read_calendar(content: bytes) -> list[dict[str, Any]]:
    """Shifts of a calendar: fields for ``add_shift`` with ``uid``, and ``days_off``.

    Raises Invalid for what is not iCalendar, and for an event that a shift cannot be: of whole days, longer than a
    day, or recurring by RDATE.
    """
    if len(content) > MOST_BYTES:
        raise Invalid(f"More than {MOST_BYTES} bytes.", at="calendar")
    try:
        calendar = Calendar.from_ical(content)
        events = calendar.walk("VEVENT")
        return [_shift(event, n) for n, event in enumerate(events)]
    except Invalid:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(
            f"This is not an iCalendar file that can be read ({type(error).__name__}).", at="calendar"
        ) from None


def _shift(event: Any, n: int) -> dict[str, Any]:
    at = f"event {n + 1}"
    start = event["dtstart"].dt
    if not isinstance(start, datetime):
        raise Invalid("A shift has times of day; this event is of whole days.", at=at)
    if "rdate" in event:
        raise Invalid("RDATE is not supported: write the days as events of their own.", at=at)
    end = event["dtend"].dt if "dtend" in event else start + event["duration"].dt
    if not timedelta(0) < end - start <= timedelta(days=1):
        raise Invalid("A shift lasts at most a day.", at=at)
    zone = str(getattr(start.tzinfo, "key", "")) or "UTC"
    rrule = event["rrule"].to_ical().decode() if "rrule" in event else ""
    return {
        "uid": str(event["uid"])[:120],
        "name": str(event.get("summary", "Shift"))[:80],
        "zone": zone,
        "first_day": start.date(),
        "start_time": start.time(),
        "end_time": end.astimezone(start.tzinfo).time() if end.tzinfo else end.time(),
        "rrule": rrule,
        "days_off": _days(event.get("exdate")),
    }


def _days(exdate: Any) -> list[date]:
    lists = exdate if isinstance(exdate, list) else [exdate] if exdate is not None else []
    found = [entry.dt for one in lists for entry in one.dts]
    return sorted(d.date() if isinstance(d, datetime) else d for d in found)
