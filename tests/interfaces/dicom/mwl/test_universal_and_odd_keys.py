"""Keys that ask nothing match everything; keys that cannot be read never fail a query."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.dicom.models import DeviceProfile
from interfaces.dicom.mwl.date_matching import build_interval
from tests.factories import NOON, DeviceFactory, PatientFactory, SiteFactory, make_order
from tests.interfaces.dicom.asking import ask, found
from tests.interfaces.dicom.scu import query

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["^", "^^^^", "=", "==", "*^*", "^=^", " ^ ", "*", "\\^"])
def test_a_name_of_delimiters_alone_is_universal(name: str) -> None:
    order = make_order()
    statuses, (entry,), outcome = ask(query(PatientName=name))
    assert (statuses, entry.AccessionNumber) == ([0xFF00, 0x0000], order.accession)
    assert "patient_names" not in outcome.keys


def test_an_empty_component_of_a_name_asks_for_nothing() -> None:
    order = make_order(patient=PatientFactory(family_name="Zzkappa", given_name="Lambda", search_name="ZZKAPPA^LAMBDA"))
    make_order(patient=PatientFactory(family_name="Zzkappa", given_name="Other", search_name="ZZKAPPA^OTHER"))
    assert found(query(PatientName="^LAMBDA")) == [order.accession]
    assert found(query(PatientName="^LAMB*")) == [order.accession]


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "America/Chicago", "Pacific/Kiritimati"])
@pytest.mark.parametrize("dates", ["20260101-99991231", "19000101-99991231", "00010101-99991231", "-99991231"])
def test_a_range_to_the_end_of_time_is_open(dates: str, zone: str) -> None:
    device = DeviceFactory(site=SiteFactory(time_zone=zone))
    order = make_order(site=device.site)
    assert found(query(step__ScheduledProcedureStepStartDate=dates), device=device) == [order.accession]


def test_the_same_identifier_asks_each_caller_by_its_own_clock() -> None:
    """What was read of an identifier is kept; whose day is meant must not be kept with it."""
    order = make_order(at=NOON)
    asked = query(step__ScheduledProcedureStepStartDate=NOON.strftime("%Y%m%d"))
    start = order.procedures.get().steps.get().start.astimezone(UTC)
    for zone in ("America/Chicago", "Pacific/Kiritimati", "America/Chicago"):
        is_today = start.astimezone(ZoneInfo(zone)).date() == NOON.date()
        assert found(asked, time_zone=zone) == ([order.accession] if is_today else []), zone
    assert start.astimezone(ZoneInfo("Pacific/Kiritimati")).date() != NOON.date()


@pytest.mark.parametrize(
    "dates", ["0", "-", "--", "20260230", "2026", "99999999", "abc", "20260310-20260309", "²", "20260310-", "1" * 64]
)
def test_no_date_fails_a_query(dates: str) -> None:
    make_order()
    statuses, _, outcome = ask(query(step__ScheduledProcedureStepStartDate=dates))
    assert statuses[-1] == 0x0000, outcome.notes


@settings(max_examples=300, deadline=None)
@given(
    dates=st.text("0123456789-.*: ", max_size=20),
    times=st.text("0123456789-.:* ", max_size=16),
    zone=st.sampled_from(["Pacific/Pago_Pago", "America/Caracas", "UTC", "Pacific/Kiritimati"]),
)
def test_any_interval_can_be_told_in_utc(dates: str, times: str, zone: str) -> None:
    for bound in build_interval(dates, times, ZoneInfo(zone)).values():
        assert not isinstance(bound, datetime) or bound.astimezone(UTC)


def test_a_range_of_birth_dates_is_not_taken_for_its_first_day() -> None:
    order = make_order(patient=PatientFactory(birth_date=date(1951, 2, 3)))
    statuses, entries, _ = ask(query(PatientBirthDate="19500101-19591231"))
    assert (statuses, [entry.AccessionNumber for entry in entries]) == ([0xFF01, 0x0000], [order.accession])
    assert found(query(PatientBirthDate="1951-02-03")) == [order.accession]
    assert found(query(PatientBirthDate="19500101")) == []


def test_a_profile_that_looks_back_for_ever_is_answered() -> None:
    device = DeviceFactory()
    DeviceProfile.objects.create(device=device, hours_back=2**31 - 1, hours_ahead=2**31 - 1)
    order = make_order(at=NOON)
    assert found(query(), device=type(device).objects.get()) == [order.accession]
