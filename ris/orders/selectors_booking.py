"""What speaks against a booking: the past, the night, a device that is taken, the same exam ordered twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from ris.catalog.models import Device, Site
from ris.kernel.errors import Invalid

from . import states
from .models import RequestedProcedure, ScheduledStep

OLDEST = timedelta(days=1)
"""An exam of yesterday may still be entered; an earlier start is a slip of the keyboard."""
PAST = timedelta(minutes=15)
"""A start so little ago is now: people fill in forms slowly."""
NIGHT_FROM, NIGHT_UNTIL = 22, 6
"""Hours of the site's clock in which exams are not booked ahead; an emergency begins now, whatever the hour."""
AHEAD = timedelta(hours=2)
LONGEST_STEP = timedelta(hours=24)
"""No step is planned for longer (``StepForm.minutes``), so none that begins earlier can still be on the device."""
SAME_EXAM_WITHIN = timedelta(hours=24)
"""An exam that was done so lately is not done again without somebody's word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Booking:
    """One exam on one device. ``device`` None: none at the site can do it. ``step_id``: of a step that is moved."""

    code: str
    laterality: str
    start: datetime
    minutes: int
    device: Device | None
    step_id: int | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A sentence without the patient. ``firm``: the time is not free, so only who may overbook gets past it."""

    text: str
    firm: bool = False


DoubtSource = Callable[[Booking, Site, int | None, datetime], list[Doubt]]
"""What a layer above knows of a device's time: booking, site, the user who books (if any), the moment now."""
_sources: list[DoubtSource] = []


def ask_also(source: DoubtSource) -> DoubtSource:
    """Have each booking of a person weighed by this function too."""
    if source not in _sources:
        _sources.append(source)
    return source


def find_booking_doubts(
    bookings: Iterable[Booking],
    *,
    site: Site,
    patient_id: int,
    at: datetime,
    user_id: int | None = None,
    new: bool = True,
) -> list[Doubt]:
    """Why a person should think twice; empty: nothing speaks against it.

    ``new``: these exams are ordered now, so the same exam may have been ordered before. Raises Invalid at ``start`` for
    a start more than a day ago.
    """
    doubts: list[Doubt] = []
    seen: set[tuple[str, str]] = set()
    for booking in bookings:
        doubts += map(Doubt, _find_time_doubts(booking, site, at))
        doubts += (Doubt(text, firm=True) for text in find_overlaps(booking, site))
        doubts += (doubt for source in _sources for doubt in source(booking, site, user_id, at))
        doubts += map(Doubt, _find_elsewhere(booking, patient_id, site))
        if new:
            exam = (booking.code, booking.laterality)
            doubts += [Doubt("The same exam is twice in this order.")] if exam in seen else []
            doubts += map(Doubt, _find_same_exams(booking, patient_id, site, at))
            seen.add(exam)
    return list(dict.fromkeys(doubts))


def _find_elsewhere(booking: Booking, patient_id: int, site: Site) -> list[str]:
    """Other devices at which the patient is expected then."""
    end = booking.start + timedelta(minutes=booking.minutes)
    near = ScheduledStep.objects.filter(
        procedure__order__patient=patient_id, procedure__order__state=states.ACTIVE, state__in=states.WAITING,
        start__lt=end, start__gt=booking.start - LONGEST_STEP,
    ).exclude(pk=booking.step_id or 0).exclude(device=booking.device)  # fmt: skip
    return [
        f"The patient is expected at {step.device or 'another device'} from {_clock(step.start, site)}."
        for step in near.select_related("device").order_by("start")
        if step.start + timedelta(minutes=step.minutes) > booking.start
    ]


def _find_time_doubts(booking: Booking, site: Site, at: datetime) -> list[str]:
    if booking.start < at - OLDEST:
        raise Invalid("This start is in the past; give one from today on.", at="start")
    if booking.start < at - PAST:
        return [f"{_clock(booking.start, site)} is past."]
    hour = booking.start.astimezone(ZoneInfo(site.time_zone)).hour
    if booking.start > at + AHEAD and not NIGHT_UNTIL <= hour < NIGHT_FROM:
        return [f"{_clock(booking.start, site)} is at night in {site.name}."]
    return []


def find_overlaps(booking: Booking, site: Site) -> list[str]:
    """What else the device is taken for at that time, each a sentence without the patient."""
    if booking.device is None:
        return []
    end = booking.start + timedelta(minutes=booking.minutes)
    near = ScheduledStep.objects.filter(
        device=booking.device, state__in=[*states.WAITING, states.STARTED], procedure__order__state=states.ACTIVE,
        start__lt=end, start__gt=booking.start - LONGEST_STEP,
    ).exclude(pk=booking.step_id or 0)  # fmt: skip
    taken = [step for step in near.order_by("start") if step.start + timedelta(minutes=step.minutes) > booking.start]
    return [
        f"{booking.device.ae_title} is taken from {_clock(step.start, site)} for {step.minutes} minutes."
        for step in taken
    ]


def _find_same_exams(booking: Booking, patient_id: int, site: Site, at: datetime) -> list[str]:
    """Orders of the same exam and side of the patient that wait, are under way, or were done lately."""
    waits = Q(steps__state__in=[*states.WAITING, states.STARTED], steps__start__gte=at - OLDEST)
    done = Q(steps__state=states.COMPLETED, steps__start__gte=at - SAME_EXAM_WITHIN)
    same = RequestedProcedure.objects.filter(
        waits | done, order__patient=patient_id, code__iexact=booking.code, laterality=booking.laterality,
    ).exclude(state=states.CANCELLED)  # fmt: skip
    rows = same.values_list("order__accession", "steps__start").order_by("steps__start").distinct()[:3]
    return [f"The same exam is ordered as {accession} for {_clock(start, site)}." for accession, start in rows]


def _clock(moment: datetime, site: Site) -> str:
    """By the site's clock, since the exam is there."""
    return f"{moment.astimezone(ZoneInfo(site.time_zone)):%Y-%m-%d %H:%M}"
