"""The roster: recurrence over midnight and both changes of the clocks, changed days, coverage, iCalendar."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ris.kernel.errors import Conflict, Invalid
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_user
from tests.worklist.reading import make_item, make_many, make_reader, make_shift
from worklist import services
from worklist.ical import read_calendar, write_calendar
from worklist.models import Holiday, ReadingItem, Shift
from worklist.rules.recurrence import Duty, check, spans
from worklist.selectors.coverage import coverage, gaps_ahead
from worklist.selectors.readers import readers_now
from worklist.selectors.roster import on_shift
from worklist.services.roster import import_calendar, undo_change
from worklist.services.sweep import alarm_uncovered_hours, sweep_all

CHICAGO = "America/Chicago"


def night(**fields: object) -> Duty:
    values = {"zone": CHICAGO, "first_day": date(2026, 1, 1), "start": time(22), "end": time(7), "rrule": "FREQ=DAILY"}
    return Duty(**(values | fields))  # type: ignore[arg-type]


def hours(duty: Duty, day: date) -> float:
    start = datetime.combine(day, time(12), UTC)
    found = [span for span in spans(duty, start, start + timedelta(days=2)) if span.day == day]
    assert len(found) == 1
    return (found[0].end - found[0].start) / timedelta(hours=1)


def test_a_night_shift_is_an_hour_shorter_or_longer_when_the_clocks_change() -> None:
    assert hours(night(), date(2026, 3, 6)) == 9
    assert hours(night(), date(2026, 3, 7)) == 8  # clocks go forward on 8 March
    assert hours(night(), date(2026, 10, 31)) == 10  # and back on 1 November


@given(
    st.sampled_from([CHICAGO, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns"]),
    st.dates(date(2026, 1, 2), date(2027, 12, 30)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.integers(1, 23),
)
def test_every_day_has_one_occurrence_whatever_the_clocks_do(zone: str, day: date, start: time, length: int) -> None:
    end = (datetime.combine(day, start) + timedelta(hours=length)).time()
    duty = night(zone=zone, start=start, end=end)
    noon = datetime.combine(day, time(12), ZoneInfo(zone))
    days = [span.day for span in spans(duty, noon - timedelta(days=3), noon + timedelta(days=3))]
    assert days == sorted(set(days))
    assert {day - timedelta(days=1), day, day + timedelta(days=1)} <= set(days)


def test_breaks_and_last_days_and_days_off() -> None:
    duty = night(breaks=((time(2), time(2, 30)),), until=date(2026, 1, 3), off=frozenset([date(2026, 1, 2)]))
    found = list(spans(duty, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC)))
    assert [span.day for span in found] == [date(2026, 1, 1), date(2026, 1, 3)]
    break_start = datetime(2026, 1, 2, 2, 0, tzinfo=ZoneInfo(CHICAGO))
    assert not found[0].covers(break_start)
    assert found[0].covers(break_start + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"zone": "Mars/Base"}, "zone"),
        ({"rrule": "FREQ=HOURLY"}, "rrule"),
        ({"rrule": "FREQ=DAILY;BYHOUR=1"}, "rrule"),
        ({"rrule": "every day"}, "rrule"),
        ({"rrule": "FREQ=DAILY;INTERVAL=0"}, "rrule"),
    ],
)
def test_what_cannot_be_worked_out_is_refused(fields: dict[str, object], at: str) -> None:
    with pytest.raises(Invalid) as refused:
        check(night(**fields))
    assert refused.value.at == at


def test_a_rule_over_many_years_is_still_quick() -> None:
    duty = night(first_day=date(1990, 1, 1), rrule="FREQ=MONTHLY;BYDAY=-1FR")
    found = list(spans(duty, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)))
    assert [span.day for span in found] == [date(2026, 1, 30), date(2026, 2, 27)]


@pytest.mark.django_db
def test_a_changed_roster_counts_at_once() -> None:
    reader = make_reader()
    shift = reader.shifts.get()
    assert reader.pk in on_shift(NOON)
    services.end_shift(shift.pk, last_day=date(2026, 3, 9), actor=TESTER, at=NOON)
    assert reader.pk not in on_shift(NOON)


@pytest.mark.django_db
def test_a_swap_brings_the_substitute_and_can_be_undone() -> None:
    reader, other = make_reader("one"), make_reader("two", on_shift=False)
    shift = reader.shifts.get()
    change = services.change_day(shift.pk, NOON.date(), kind="swap", substitute=other, actor=TESTER, at=NOON)
    assert set(on_shift(NOON)) == {other.pk}
    with pytest.raises(Conflict):
        services.change_day(shift.pk, NOON.date(), kind="sick", actor=TESTER, at=NOON)
    undo_change(change.pk, actor=TESTER, at=NOON)
    assert set(on_shift(NOON)) == {reader.pk}
    with pytest.raises(Invalid):
        services.change_day(shift.pk, date(2025, 1, 1), kind="sick", actor=TESTER, at=NOON)


@pytest.mark.django_db
def test_a_sick_call_gives_the_work_to_others() -> None:
    one = make_reader("one", seniority=9)
    item = make_item()
    deliver_owed(at=NOON)
    assert item.reread().assigned_to == one
    two = make_reader("two")
    services.change_day(one.shifts.get().pk, NOON.date(), kind="sick", actor=TESTER, at=NOON)
    deliver_owed(at=NOON)
    assert item.reread().assigned_to == two


@pytest.mark.django_db
def test_a_sick_call_with_many_waiting_cases_is_spread_evenly_over_those_who_are_there() -> None:
    gone = make_reader("gone", seniority=9)
    items = make_many(6)
    ReadingItem.objects.update(assigned_to=gone, assigned_at=NOON)
    others = [make_reader(f"other{n}") for n in range(3)]
    services.change_day(gone.shifts.get().pk, NOON.date(), kind="sick", actor=TESTER, at=NOON)
    deliver_owed(at=NOON)
    assert sorted(item.reread().assigned_to_id for item in items) == sorted([one.pk for one in others] * 2)


@pytest.mark.django_db
def test_half_an_hour_before_a_shift_ends_what_waits_with_its_reader_goes_to_others_once() -> None:
    leaving = make_reader("leaving", on_shift=False)
    make_shift(leaving, start_time=time(8), end_time=time(16))
    item = make_item()
    services.suggest_reader(item.pk, at=NOON)
    assert item.reread().assigned_to == leaving
    staying = make_reader("staying")
    end = NOON + timedelta(hours=4)
    assert sweep_all(at=end - timedelta(minutes=31))["moved on"] == 0
    assert sweep_all(at=end - timedelta(minutes=29))["moved on"] == 1
    assert item.reread().assigned_to == staying
    assert sweep_all(at=end - timedelta(minutes=28))["moved on"] == 0


@pytest.mark.django_db
def test_a_locum_is_given_nothing_after_the_last_day() -> None:
    locum = make_reader("locum", on_shift=False)
    make_shift(locum, last_day=NOON.date(), start_time=time(8), end_time=time(20))
    make_many(2)
    asked = {"actor": TESTER, "at": NOON}
    assert services.next_case(locum, **asked) is not None
    with pytest.raises(Conflict) as refused:
        services.next_case(locum, **(asked | {"at": NOON + timedelta(days=1)}))
    assert refused.value.code == "off-shift"


@pytest.mark.django_db
def test_a_holiday_of_one_site_closes_the_shifts_of_that_site_only() -> None:
    here, there = make_reader("here", on_shift=False), make_reader("there", on_shift=False)
    south = SiteFactory(code="south")
    for reader, site in ((here, SiteFactory()), (there, south)):
        make_shift(reader).sites.add(site)
    Holiday.objects.create(day=NOON.date(), name="Feast", site=south)
    assert set(on_shift(NOON)) == {here.pk}


@pytest.mark.django_db
def test_what_was_read_in_a_shift_is_remembered_over_a_log_out(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, fresh = make_reader("busy", seniority=9), make_reader("fresh")
    done, new = make_item(), make_item()
    services.claim(done.pk, reader=busy, actor=TESTER, at=NOON)
    services.finish(done.pk, reader=busy, actor=TESTER, at=NOON)
    for state in ("signed out", "available"):
        services.set_presence(busy, state, actor=TESTER, at=NOON)
    monkeypatch.setattr("worklist.selectors.readers._recent", {})  # a few seconds later
    assert services.suggest_reader(new.pk, at=NOON) == fresh.pk


@pytest.mark.django_db
def test_shifts_do_not_take_place_on_holidays_unless_they_say_so() -> None:
    plain, keen = make_reader("plain"), make_reader("keen", on_shift=False)
    make_shift(keen, holidays=True)
    Holiday.objects.create(day=NOON.date(), name="Feast")
    assert set(on_shift(NOON)) == {keen.pk}
    assert plain.pk in on_shift(NOON + timedelta(days=1))


@pytest.mark.django_db
def test_presence_narrows_the_roster() -> None:
    reader = make_reader()
    assert [r.present for r in readers_now(NOON)] == [True]
    services.set_presence(reader, "teaching", actor=TESTER, at=NOON)
    assert [r.present for r in readers_now(NOON)] == [False]
    services.set_presence(reader, "available", actor=TESTER, at=NOON)
    assert [r.present for r in readers_now(NOON + timedelta(minutes=14))] == [True]
    assert [r.present for r in readers_now(NOON + timedelta(minutes=16))] == [False]


@pytest.mark.django_db
def test_coverage_says_who_and_where_nobody() -> None:
    reader, item = make_reader(on_shift=False), make_item()
    make_shift(reader, start_time=time(8), end_time=time(16))
    lead = make_user("lead", Role.LEAD, sites=(SiteFactory(),))
    cells = coverage(lead, since=datetime(2026, 3, 10, tzinfo=UTC), hours=24)
    covered = [cell.start.hour for cell in cells if cell.primary == (reader.pk,)]
    assert covered == list(range(8, 16))
    assert {(cell.site_id, cell.pool, cell.modality) for cell in cells} == {(item.site_id, item.pool, "CT")}
    assert len(gaps_ahead(NOON, hours=8)) == 4  # 12 to 16 is covered, 16 to 20 is not
    make_shift(reader, start_time=time(16), end_time=time(20), kind="teaching")  # teaches, and covers nothing
    assert len(gaps_ahead(NOON, hours=8)) == 4


@pytest.mark.django_db
def test_uncovered_hours_ahead_are_alarmed_once_and_cleared() -> None:
    reader = make_reader(on_shift=False)
    make_item()
    shift = make_shift(reader, start_time=time(8), end_time=time(16))
    assert alarm_uncovered_hours(at=NOON) == alarm_uncovered_hours(at=NOON) == 1
    alarm = Alarm.objects.get(kind="uncovered")
    assert (alarm.subject, alarm.times) == ("north: neuro CT", 1)
    services.revise_shift(shift.pk, start_time=time(0), end_time=time(0), actor=TESTER, at=NOON)
    assert alarm_uncovered_hours(at=NOON) == 0
    assert Alarm.objects.get(kind="uncovered").cleared_at == NOON


@pytest.mark.django_db
def test_a_whole_shift_is_handed_over_in_one_action() -> None:
    one, two = make_reader("one"), make_reader("two")
    items = [make_item(), make_item()]
    for item in items:
        services.claim(item.pk, reader=one, actor=TESTER, at=NOON)
    assert services.hand_over(one, to=two, reason="end of shift", actor=TESTER, at=NOON) == [i.pk for i in items]
    assert {item.reread().reader for item in items} == {two}
    services.hand_over(two, to=None, reason="fire alarm", actor=TESTER, at=NOON)
    assert {item.reread().state for item in items} == {"unread"}


@pytest.mark.django_db
def test_the_roster_survives_the_way_out_to_icalendar_and_back() -> None:
    reader = make_reader(on_shift=False)
    shift = make_shift(
        reader, zone=CHICAGO, start_time=time(22), end_time=time(7), rrule="FREQ=WEEKLY;BYDAY=FR,SA",
        first_day=date(2026, 1, 2), last_day=date(2026, 12, 31),
    )  # fmt: skip
    services.change_day(shift.pk, date(2026, 3, 13), kind="off", actor=TESTER, at=NOON)
    window = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    from worklist.selectors.roster import roster

    before = [(one.span.start, one.span.end) for one in roster().between(*window)]
    content = write_calendar([shift], NOON)
    assert b"TZID=America/Chicago" in content
    Shift.objects.all().delete()
    import_calendar(reader, read_calendar(content), maker=None, actor=TESTER, at=NOON)
    assert [(one.span.start, one.span.end) for one in roster().between(*window)] == before
    import_calendar(reader, read_calendar(content), maker=None, actor=TESTER, at=NOON)
    assert Shift.objects.count() == 1


@pytest.mark.parametrize("content", [b"", b"BEGIN:VCALENDAR", b"\xff\xfe", b"BEGIN:VEVENT\nEND:VCALENDAR"])
def test_what_is_no_calendar_is_refused_or_empty(content: bytes) -> None:
    with contextlib.suppress(Invalid):
        assert read_calendar(content) == []


def test_an_event_of_whole_days_is_refused_by_its_number() -> None:
    text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART;VALUE=DATE:20260101\nEND:VEVENT\nEND:VCALENDAR\n"
    with pytest.raises(Invalid) as refused:
        read_calendar(text.encode())
    assert refused.value.at == "event 1"
