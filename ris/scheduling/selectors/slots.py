"""The next free times for one exam or several of one visit, and why not sooner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ris.catalog.models import Device, DeviceProcedure, Procedure
from ris.kernel.errors import Invalid

from ..rules.bitmaps import STEP_S, Grid, lowest, reach_back, runs, starts_of
from ..rules.intervals import WeeklyHours, days_between, hours_on
from .free_time import DeviceTime, read_device_times
from .openings import openings_of

LONGEST_SEARCH = timedelta(days=366)
HORIZONS = (timedelta(days=3), timedelta(days=14), timedelta(days=70), LONGEST_SEARCH)
"""How far is read at first, and further only if too little was found: reading bookings is what takes the time."""
LONGEST_VISIT = timedelta(days=1)
MOST_EXAMS = 4
MOST_REASONS = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotQuestion:
    """Exams in their order, at these sites.

    ``gap``: at least so long between two; ``longest_wait``: at most so much more.
    ``hours``: the parts of the week that suit the patient, by the clock of the first device's site; none: all.
    """

    procedures: tuple[Procedure, ...]
    site_ids: frozenset[int]
    earliest: datetime
    latest: datetime
    gap: timedelta = timedelta(0)
    longest_wait: timedelta = timedelta(hours=1)
    device_id: int | None = None
    hours: tuple[WeeklyHours, ...] = ()
    apart: timedelta = timedelta(0)
    """Each visit that is offered begins so long after the one before, at least: a choice, not eight in a row."""
    urgent: bool = False
    minutes: int | None = None
    user_id: int | None = None
    without_step: int | None = None
    taken: tuple[tuple[int, datetime, datetime], ...] = ()
    """Times of devices (id, start, end) that are meant for others, though not booked yet."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One exam at a free time."""

    procedure: Procedure
    device: Device
    start: datetime
    minutes: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an exam cannot begin on the device from ``start`` until before ``end``."""

    device: Device
    start: datetime
    end: datetime
    why: str


@dataclass(frozen=True, slots=True)
class SlotAnswer:
    """Up to as many visits as were asked for, soonest first; and what excluded each earlier time of the first exam."""

    visits: list[list[Slot]]
    not_sooner: list[Reason]


@dataclass(slots=True)
class _Exam:
    procedure: Procedure
    times: list[DeviceTime]
    widths: list[int]
    minutes: list[int]

    def starts(self, index: int, suits: int) -> int:
        return starts_of(self.times[index].free & suits, self.widths[index])


def find_slots(question: SlotQuestion, *, most: int = 3, at: datetime) -> SlotAnswer:
    """Raises Invalid for a question that names no exam, too many, or more than a year."""
    if not 1 <= len(question.procedures) <= MOST_EXAMS:
        raise Invalid(f"Ask for one exam, or for up to {MOST_EXAMS} of one visit.", at="procedures")
    earliest = max(question.earliest, at)
    latest = min(question.latest, earliest + LONGEST_SEARCH)
    devices = [_devices_for(question, procedure) for procedure in question.procedures]
    if not all(devices):
        return SlotAnswer([], [])
    for horizon in HORIZONS:
        # A visit may begin before the horizon and end after it.
        until = min(latest, earliest + horizon + LONGEST_VISIT)
        grid = _grid_of(earliest, until)
        exams = [_read_exam(question, p, d, grid, until, at) for p, d in zip(question.procedures, devices, strict=True)]
        visits = _find_visits(question, exams, grid, earliest, most)
        if until >= latest or (len(visits) >= most and visits[-1][0].start < earliest + horizon):
            break
    first = visits[0][0].start if visits else until
    return SlotAnswer(visits, _explain(question, exams[0], grid, earliest, first))


def _grid_of(earliest: datetime, latest: datetime) -> Grid:
    origin_s = int(earliest.astimezone(UTC).timestamp()) // 86400 * 86400
    # As few days as hold it, and the same for all questions of a day: opening hours are kept for each grid.
    return Grid(origin_s, (int(latest.timestamp()) - origin_s) // 86400 + 2)


def _devices_for(question: SlotQuestion, procedure: Procedure) -> list[tuple[Device, int]]:
    """Devices that can do it, with the minutes that it takes there."""
    devices = Device.objects.filter(site__in=question.site_ids, modality=procedure.modality, active=True)
    if question.device_id is not None and len(question.procedures) == 1:
        devices = devices.filter(pk=question.device_id)
    said = {row.device_id: row for row in DeviceProcedure.objects.filter(procedure=procedure)}
    offered = [device for device in devices.order_by("pk") if device.pk not in said or said[device.pk].offered]
    only = question.minutes if len(question.procedures) == 1 else None
    return [(d, only or (said[d.pk].minutes if d.pk in said else procedure.minutes)) for d in offered]


def _read_exam(
    question: SlotQuestion, procedure: Procedure, devices: list[tuple[Device, int]], grid: Grid, until: datetime,
    at: datetime,
) -> _Exam:  # fmt: skip
    times = read_device_times(
        [device for device, _ in devices], grid, until=until, procedure_id=procedure.pk, urgent=question.urgent,
        user_id=question.user_id, at=at, without_step=question.without_step, taken=question.taken,
    )  # fmt: skip
    minutes = [minutes for _, minutes in devices]
    return _Exam(procedure, times, [max(1, -(-m * 60 // STEP_S)) for m in minutes], minutes)


def _suiting(question: SlotQuestion, exam: _Exam, grid: Grid, earliest: datetime) -> int:
    """Bits that suit the patient, and are not before the earliest moment."""
    suits = ((1 << grid.bits) - 1) >> (first := max(0, grid.ceil(earliest.timestamp()))) << first
    if not question.hours:
        return suits
    zone = openings_of(exam.times[0].device).zone
    days = days_between(grid.moment(0), grid.moment(grid.bits), zone)
    spans = [interval for day in days for hours in question.hours if (interval := hours_on(hours, day, zone))]
    return suits & grid.within((span.start.timestamp(), span.end.timestamp()) for span in spans)


def _find_visits(
    question: SlotQuestion, exams: list[_Exam], grid: Grid, earliest: datetime, most: int
) -> list[list[Slot]]:
    suits = _suiting(question, exams[0], grid, earliest)
    gap = -(-int(question.gap.total_seconds()) // STEP_S)
    wait = int(question.longest_wait.total_seconds()) // STEP_S
    feasible = _feasible(exams, suits, gap, wait)
    visits: list[list[Slot]] = []
    allowed = suits
    while len(visits) < most:
        visit = _first_visit(exams, feasible, allowed, gap, wait, grid)
        if visit is None:
            break
        visits.append(visit)
        # The next offer begins when the first exam of this one would be over: another choice, not five minutes later.
        later_s = max(visit[0].minutes * 60, question.apart.total_seconds())
        after = grid.ceil(visit[0].start.timestamp() + later_s)
        allowed = suits >> after << after
    return visits


def _feasible(exams: list[_Exam], suits: int, gap: int, wait: int) -> list[list[int]]:
    """For each exam and device, where it can begin so that those after it follow on any of theirs."""
    rest: int | None = None
    found: list[list[int]] = []
    for exam in reversed(exams):
        own = [exam.starts(index, suits) for index in range(len(exam.times))]
        if rest is not None:
            follow = [rest >> (width + gap) for width in exam.widths]
            own = [bits & reach_back(after, wait + 1) for bits, after in zip(own, follow, strict=True)]
        rest = 0
        for bits in own:
            rest |= bits
        found.insert(0, own)
    return found


def _first_visit(
    exams: list[_Exam], feasible: list[list[int]], allowed: int, gap: int, wait: int, grid: Grid
) -> list[Slot] | None:
    """The exams one after the other, each as soon as can be so that those after it still fit."""
    visit: list[Slot] = []
    for exam, of_devices in zip(exams, feasible, strict=True):
        firsts = [(bit, index) for index, bits in enumerate(of_devices) if (bit := lowest(bits & allowed)) is not None]
        if not firsts:
            return None
        bit, index = min(firsts)
        visit.append(Slot(exam.procedure, exam.times[index].device, grid.moment(bit), exam.minutes[index]))
        allowed = ((1 << (wait + 1)) - 1) << (bit + exam.widths[index] + gap)
    return visit


def _explain(question: SlotQuestion, exam: _Exam, grid: Grid, earliest: datetime, found: datetime) -> list[Reason]:
    """What excluded each earlier beginning of the first exam, on each device, in the order of time."""
    first, last = grid.ceil(earliest.timestamp()), grid.floor(found.timestamp())
    if last <= first:
        return []
    reasons: list[Reason] = []
    suits = _suiting(question, exam, grid, earliest)
    for time, width in zip(exam.times, exam.widths, strict=True):
        left = ((1 << last) - 1) >> first << first
        causes = {"does not suit the patient": ~suits & ((1 << grid.bits) - 1), **time.causes}
        spans: list[tuple[str, int]] = []
        for why, bits in causes.items():
            spans.append((why, left & bits))
            left &= ~bits
        for why, bits in causes.items():  # free in itself, but not for long enough
            spans.append((f"too short until it is {why}", hit := left & reach_back(bits, width)))
            left &= ~hit
        spans.append(("the exams after it do not fit", left))
        reasons += (
            Reason(time.device, grid.moment(a), grid.moment(b), why) for why, hit in spans for a, b in runs(hit)
        )
    return sorted(reasons, key=lambda reason: (reason.start, reason.device.pk))[:MOST_REASONS]
