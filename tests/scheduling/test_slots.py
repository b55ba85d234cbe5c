"""The next free time: as a search minute by minute finds it, over clock changes, and why not sooner."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from ris.catalog.models import Device, DeviceProcedure
from ris.orders.models import RequestedProcedure, ScheduledStep
from ris.scheduling.models import Block, Closure, OpeningHours
from ris.scheduling.rules.bitmaps import Grid, reach_back, runs, starts_of
from ris.scheduling.rules.intervals import WeeklyHours, day_interval, hours_on
from ris.scheduling.selectors.slots import SlotAnswer, SlotQuestion, find_slots
from ris.scheduling.services import hold_time
from tests.factories import DeviceFactory, ProcedureFactory, SiteFactory, make_order, make_user

AT = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)  # a Monday, 07:00 in Chicago
CHICAGO = ZoneInfo("America/Chicago")


def ask(*procedures: object, **said: object) -> SlotAnswer:
    values = {
        "procedures": procedures or (ProcedureFactory(),), "site_ids": frozenset({SiteFactory().pk}),
        "earliest": AT, "latest": AT + timedelta(days=30),
    } | said  # fmt: skip
    return find_slots(SlotQuestion(**values), at=AT)


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=CHICAGO).astimezone(UTC)


def open_at(device: Device, opens: int = 8, closes: int = 16) -> None:
    for weekday in range(5):
        OpeningHours.objects.create(device=device, weekday=weekday, opens=time(opens), closes=time(closes))


def take_time(procedure: RequestedProcedure, device: Device, start: datetime, minutes: int) -> None:
    ScheduledStep.objects.create(
        procedure=procedure, number=f"T{ScheduledStep.objects.count()}", modality="CT", state="scheduled",
        device=device, start=start, minutes=minutes, station_aes=[device.ae_title],
    )  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23), ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23), ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
    ],
)  # fmt: skip
def test_a_day_of_a_clock_change_is_as_long_as_it_is(zone: str, day: date, hours: float) -> None:
    whole = day_interval(day, ZoneInfo(zone))
    assert (whole.end - whole.start) == timedelta(hours=hours)
    opening = hours_on(WeeklyHours(day.weekday(), time(8), time(16)), day, ZoneInfo(zone))
    assert opening and opening.start.astimezone(ZoneInfo(zone)).time() == time(8)
    assert opening.end.astimezone(ZoneInfo(zone)).time() == time(16)
    every_hour = hours_on(WeeklyHours(day.weekday(), time(0), time(0)), day, ZoneInfo(zone))
    assert every_hour == whole


@pytest.mark.once
def test_bits_say_what_lists_of_bits_say() -> None:
    dice = random.Random(7)
    for _ in range(200):
        length, width = dice.randint(1, 90), dice.randint(1, 12)
        row = [dice.random() < 0.7 for _ in range(length)]
        bits = sum(1 << n for n, is_set in enumerate(row) if is_set)
        can_begin = [all(row[n : n + width]) and n + width <= length for n in range(length)]
        assert starts_of(bits, width) == sum(1 << n for n, can in enumerate(can_begin) if can)
        meets = [any(row[n : n + width]) for n in range(length)]
        assert reach_back(bits, width) & ((1 << length) - 1) == sum(1 << n for n, is_met in enumerate(meets) if is_met)
        assert sum(((1 << b - a) - 1) << a for a, b in runs(bits)) == bits
    grid = Grid(0, 2)
    assert grid.within([(10, 899)]) == 0b10 and grid.touched([(10, 601)]) == 0b111


@pytest.mark.django_db
def test_a_search_finds_what_a_search_minute_by_minute_finds() -> None:
    order, ct1, ct2 = make_order(at=AT - timedelta(days=9)), DeviceFactory(), DeviceFactory(ae_title="CT2")
    requested, procedure = order.procedures.get(), ProcedureFactory()
    DeviceProcedure.objects.create(device=ct2, procedure=procedure, minutes=25)
    open_at(ct1)
    open_at(ct2, 10, 14)
    dice = random.Random(11)
    for round_ in range(12):
        for _ in range(30):
            start = local(9, 8) + timedelta(minutes=5 * dice.randint(0, 500))
            take_time(requested, dice.choice([ct1, ct2]), start, dice.choice([5, 15, 40, 90]))
        earliest = AT + timedelta(minutes=5 * dice.randint(0, 300))
        answer = ask(procedure, earliest=earliest, longest_wait=timedelta(0))
        first = answer.visits[0][0]
        expected = by_minutes([(ct1, 8, 16, 15), (ct2, 10, 14, 25)], earliest)
        assert (first.start, first.device.ae_title) == expected, round_
        assert all(reason.end <= first.start for reason in answer.not_sooner)
        if first.start > earliest:
            assert {reason.device for reason in answer.not_sooner} == {ct1, ct2}


def by_minutes(devices: list[tuple[Device, int, int, int]], earliest: datetime) -> tuple[datetime, str]:
    taken = {
        device.pk: list(ScheduledStep.objects.filter(device=device, start__gte=AT - timedelta(days=1)))
        for device, *_ in devices
    }
    start = earliest
    while True:
        for device, opens, closes, minutes in devices:
            end, clock = start + timedelta(minutes=minutes), start.astimezone(CHICAGO)
            day = clock.replace(hour=0, minute=0)
            is_open = clock.weekday() < 5 and day + timedelta(hours=opens) <= clock
            is_open = is_open and end <= day + timedelta(hours=closes)
            if is_open and not any(
                step.start < end and start < step.start + timedelta(minutes=step.minutes) for step in taken[device.pk]
            ):
                return start, device.ae_title
        start += timedelta(minutes=5)


@pytest.mark.django_db
def test_why_not_sooner_names_what_excludes_each_earlier_time() -> None:
    device = DeviceFactory()
    open_at(device)
    requested = make_order(at=AT - timedelta(days=9)).procedures.get()
    take_time(requested, device, local(9, 8, 10), 50)
    Closure.objects.create(
        site=device.site, device=device, kind="down", since=local(9, 9), until=local(9, 10), reason="ZZTEST tube"
    )
    Block.objects.create(device=device, weekday=0, opens=time(10), closes=time(12), name="children", release_hours=1)
    hold_time(device, start=local(9, 12), minutes=30, holder=make_user("other"), at=AT)
    answer = ask()
    assert answer.visits[0][0].start == local(9, 12, 30)
    told = [(r.start, r.end, r.why) for r in answer.not_sooner]
    assert told == [
        (AT, local(9, 8), "closed"),
        (local(9, 8), local(9, 8, 10), "too short until it is booked"),
        (local(9, 8, 10), local(9, 9), "booked"),
        (local(9, 9), local(9, 10), "closed: ZZTEST tube"),
        (local(9, 10), local(9, 12), "kept for children"),
        (local(9, 12), local(9, 12, 30), "somebody is booking it now"),
    ]
    assert ask(urgent=True).visits[0][0].start == local(9, 10), "the block without procedures is for urgent exams"


@pytest.mark.django_db
def test_exams_of_one_visit_follow_one_another() -> None:
    ct, mr = DeviceFactory(), DeviceFactory(ae_title="MR1", modality="MR")
    open_at(ct)
    open_at(mr, 13, 16)
    first, then = ProcedureFactory(), ProcedureFactory(code="MRHEAD", modality="MR", minutes=30)
    visit = ask(first, then, gap=timedelta(minutes=10), longest_wait=timedelta(minutes=20)).visits[0]
    assert [(slot.device, slot.start) for slot in visit] == [(ct, local(9, 12, 15)), (mr, local(9, 13))]
    DeviceProcedure.objects.create(device=ct, procedure=first, minutes=15, offered=False)
    assert ask(first).visits == []


@pytest.mark.django_db
def test_nothing_is_free_where_nothing_is_open_for_a_year() -> None:
    device = DeviceFactory()
    Closure.objects.create(
        site=device.site, since=AT - timedelta(days=1), until=AT + timedelta(days=400), reason="ZZTEST rebuilt"
    )
    answer = ask(latest=AT + timedelta(days=366))
    assert answer.visits == [] and answer.not_sooner[0].why == "closed: ZZTEST rebuilt"
