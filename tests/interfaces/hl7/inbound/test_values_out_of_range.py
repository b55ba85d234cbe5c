"""Placeholder dates, and numbers that are none: warned about by the place, and the message is applied without them."""

from __future__ import annotations

import pytest

from ris.catalog.models import Site
from ris.orders.models import Order, ScheduledStep
from ris.patients.models import Patient
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, order, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("born", ["00010101", "99991231"])
def test_a_birth_date_that_is_a_placeholder_is_not_known(hospital: Site, born: str) -> None:
    row = take(message(msh("ORM^O01"), pid(born=born), orc(), obr()))
    assert (row.state, row.answer_code) == ("applied", "AA")
    assert "PID-7 is not a date; ignored." in row.warnings
    assert Patient.objects.get().birth_date is None


@pytest.mark.parametrize("start", ["00010101000000", "99991231235959", "99991231235959-1200"])
def test_a_time_in_an_impossible_year_is_not_said(hospital: Site, start: str) -> None:
    row = take(message(msh("ORM^O01", at=start), pid(), orc(timing=f"^^^{start}^^R"), obr()))
    assert (row.state, row.answer_code) == ("applied", "AA"), (row.faults, row.reason)
    assert any("is not a time" in warning for warning in row.warnings), row.warnings
    assert any(warning.startswith("MSH-7 names no moment") for warning in row.warnings)
    assert Order.objects.get().placed_at.year == ScheduledStep.objects.get().start.year == 2026


@pytest.mark.parametrize("offset,minute", [("15", 15), ("²", 0), ("9" * 30, 0), ("-1", 0)])
def test_an_offset_of_a_service_is_minutes_or_warned_about(hospital: Site, offset: str, minute: int) -> None:
    take(order(placer="P7"))
    sch = seg("SCH", {1: "A1", 11: "^^15^20260311090000", 26: "P7^EMR"})
    service = f"AIS|1|A|CTHEADWO^CT head^L||{offset}"
    row = take(message(msh("SIU^S12", at="20260310130000", version="2.5.1"), sch, pid(), "RGS|1", service))
    assert row.state == "applied", (row.faults, row.reason)
    start = ScheduledStep.objects.get().start
    assert (start.day, start.hour, start.minute) == (11, 14, minute)
    assert any("AIS" in warning and "minutes" in warning for warning in row.warnings) is (minute == 0), row.warnings
