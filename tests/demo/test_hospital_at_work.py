"""The demo hospital: what it has done when somebody comes, and that it goes on by the doors of real senders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reporting.models import CriticalFinding, Report, ReportVersion
from ris.demo.day import fill_day
from ris.demo.exams import catalog, fits
from ris.demo.hospital import build_hospital, hire_staff
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order, ScheduledStep
from ris.patients.models import Patient
from ris.people.models import User
from tests.pages.conftest import client_of
from tests.serving import Hospitals, Served, wait_for
from worklist.models import ReadingItem

MONDAY = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)  # 8 o'clock in the hospital's zone
LIVE = """
from ris.demo.life import Life
from ris.kernel.clock import now
life = Life(speed=1e6, say=print)
for _ in range(4):
    life.move(now())
"""


@pytest.fixture
def filled(db: None) -> int:
    hire_staff(build_hospital(), at=MONDAY)
    return fill_day(MONDAY)


@pytest.mark.once
def test_each_role_finds_something_on_their_first_screen(filled: int) -> None:
    reports = Report.objects.filter(state="final")
    assert reports.count() == 9
    assert ReportVersion.objects.filter(kind=ReportVersion.ADDENDUM).count() == 1
    assert sorted(CriticalFinding.objects.values_list("level", "state")) == [
        ("orange", "open"),
        ("red", "acknowledged"),
    ]
    assert ReadingItem.objects.filter(state="unread").count() == 8
    booked = ScheduledStep.objects.filter(state="scheduled", start__gt=MONDAY, reserved_until__isnull=False)
    today = booked.filter(start__lt=MONDAY + timedelta(hours=10))
    assert set(today.values_list("device__modality", flat=True)) == {"CT", "MR", "US", "DX", "MG"}
    page = client_of(User.objects.get(username="referrer")).get("/results/mine/")
    assert "DEMO-DUNLIN" in page.content.decode()  # the hematoma: a referrer sees what they ordered


@pytest.mark.once
def test_a_second_start_adds_nothing_and_a_new_day_its_appointments(filled: int) -> None:
    before = Order.objects.count()
    assert fill_day(MONDAY + timedelta(minutes=5)) == 0
    assert fill_day(MONDAY + timedelta(days=1)) > 0
    deliver_owed(at=MONDAY + timedelta(days=1))
    first_day = ScheduledStep.objects.filter(procedure__order__placer_number__startswith="DAY-261130")
    assert set(first_day.values_list("state", flat=True)) <= {"scheduled", "cancelled"}
    assert Order.objects.count() > before == filled


@pytest.mark.once
def test_everybody_is_made_up_and_sent_to_an_exam_that_fits(filled: int) -> None:
    rows = {row["code"]: row for row in catalog()}
    for order in Order.objects.select_related("patient").prefetch_related("procedures"):
        patient: Patient = order.patient
        assert patient.family_name.startswith("DEMO-")
        assert patient.birth_date is not None
        age = MONDAY.year - patient.birth_date.year
        assert fits(rows[order.procedures.get().code], patient.sex, age), order.placer_number
    assert not fits(rows["USOB1"], "M", 30)
    assert not fits(rows["MGSCREEN"], "F", 10)


def read_list(served: Served) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served.api("radiologist", "/api/worklist/?list=all")[1]["results"]
    return found


@pytest.mark.once
def test_it_goes_on_by_hl7_and_dicom(hospitals: Hospitals) -> None:
    """An order by MLLP, an arrival, MPPS begun and completed by a scanner: the reader has a case that was not there."""
    served = hospitals.start()
    try:
        assert read_list(served) == []
        said = served.ris("shell", "--verbosity", "0", "-c", LIVE)
        assert "→ AA" in said and "done" in said, said
        done = said.count("done")
        wait_for(lambda: len(read_list(served)) == done, seconds=20, what=f"{done} cases to read")
    finally:
        served.kill()
