"""The calendar of a site: what is booked on its devices, what overlaps, when they are closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from ris.catalog.models import Device, Site
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep
from ris.orders.selectors import steps_for
from ris.orders.selectors_booking import LONGEST_STEP
from ris.people.models import User

from ..models import Closure
from ..rules.intervals import Interval, merge_intervals
from .openings import openings_of

LATE_AFTER = timedelta(minutes=10)
MISSED_AFTER = timedelta(minutes=30)
"""A patient who is not here by then is shown as not come, for a person to say so."""
ON_DEVICE = (*order_states.WAITING, order_states.STARTED)


@dataclass(frozen=True, slots=True)
class Appointment:
    """A step for the calendar. ``overlaps``: another is on its device then; ``late``: "late", "missed" or empty."""

    step: ScheduledStep
    end: datetime
    overlaps: bool
    late: str


@dataclass(frozen=True, slots=True)
class ClosedTime:
    """A time in which the device is not open, or kept for some: why."""

    device: Device
    interval: Interval
    why: str


def list_appointments(viewer: User, site: Site, start: datetime, end: datetime, *, at: datetime) -> list[Appointment]:
    """What is booked at the site in the interval (aware, half open), by start; orders on hold wait elsewhere."""
    rows = _booked(steps_for(viewer), site, start, end)
    steps = [step for step in rows if step.start + timedelta(minutes=step.minutes) > start]
    overlapping = find_overlapping(steps)
    return [
        Appointment(step, step.start + timedelta(minutes=step.minutes), step.pk in overlapping, _lateness(step, at))
        for step in steps
    ]


def _booked(steps: QuerySet[ScheduledStep], site: Site, start: datetime, end: datetime) -> QuerySet[ScheduledStep]:
    rows = steps.filter(procedure__order__site=site, start__lt=end, start__gt=start - LONGEST_STEP)
    rows = rows.exclude(state=order_states.CANCELLED).exclude(procedure__order__state=order_states.HELD)
    return rows.select_related("procedure__order__visit")


def find_overlapping(steps: Iterable[ScheduledStep]) -> set[int]:
    """Keys of the steps that share a moment of one device with another that is still to be done, or under way."""
    found: set[int] = set()
    last: dict[int, tuple[datetime, int]] = {}
    for step in sorted(steps, key=lambda step: (step.start, step.pk)):
        if step.device_id is None or step.state not in ON_DEVICE:
            continue
        end = step.start + timedelta(minutes=step.minutes)
        known = last.get(step.device_id)
        if known and known[0] > step.start:
            found |= {step.pk, known[1]}
        if known is None or end > known[0]:
            last[step.device_id] = (end, step.pk)
    return found


def _lateness(step: ScheduledStep, at: datetime) -> str:
    if step.state != order_states.SCHEDULED or at - step.start < LATE_AFTER:
        return ""
    return "missed" if at - step.start >= MISSED_AFTER else "late"


def list_closed(devices: Iterable[Device], start: datetime, end: datetime, *, at: datetime) -> list[ClosedTime]:
    """When these devices are not open in the interval, closed, or kept for some exams."""
    found: list[ClosedTime] = []
    for device in devices:
        openings = openings_of(device)
        begin = start
        for interval in merge_intervals(openings.open_intervals(start, end)):
            if interval.start > begin:
                found.append(ClosedTime(device, Interval(begin, min(interval.start, end)), "not open"))
            begin = max(begin, interval.end)
        if begin < end:
            found.append(ClosedTime(device, Interval(begin, end), "not open"))
        found += (ClosedTime(device, shut.interval, shut.reason) for shut in openings.shut
                  if shut.interval.overlaps(start, end))  # fmt: skip
        found += (ClosedTime(device, interval, f"kept: {kept.name}")
                  for kept, interval in openings.kept_intervals(start, end)
                  if not kept.is_released(interval.start, at))  # fmt: skip
    return found


def list_affected(viewer: User, closure: Closure) -> list[ScheduledStep]:
    """What is booked into a closure and waits still, by start."""
    rows = _booked(steps_for(viewer), closure.site, closure.since, closure.until)
    rows = rows.filter(state__in=order_states.WAITING)
    if closure.device_id is not None:
        rows = rows.filter(device=closure.device_id)
    return [step for step in rows if step.start + timedelta(minutes=step.minutes) > closure.since]
