from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.orders.models import ScheduledStep
from ris.patients.models import Patient
from ris.people.roles import Role
from tests.factories import DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user, perform

from .conftest import client_of, noon_tomorrow


@pytest.fixture
def desk(site: Site) -> Client:
    return client_of(make_user("sched", Role.SCHEDULER, sites=(site,), time_zone="America/Chicago"))


def book(desk: Client, patient: Patient, **said: object) -> HttpResponse:
    procedure = ProcedureFactory()
    DeviceFactory()
    start = f"{noon_tomorrow():%Y-%m-%dT%H:%M}"
    body = {"procedure": procedure.pk, "site": SiteFactory().pk, "start": start, "priority": "ROUTINE"}
    return desk.post(reverse("orders:new", args=[patient.pk]), {**body, **said})


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"start": f"{noon_tomorrow() + timedelta(minutes=5):%Y-%m-%dT%H:%M}"}, "CT1 is taken from"),
        ({"start": f"{noon_tomorrow():%Y-%m-%dT}03:00"}, "is at night in North Hospital"),
        ({"start": f"{now().astimezone(ZoneInfo('America/Chicago')) - timedelta(hours=2):%Y-%m-%dT%H:%M}"}, "is past"),
    ],
    ids=["taken", "night", "past"],
)
def test_a_booking_that_is_odd_is_asked_for_and_booked_when_it_is_meant(
    desk: Client, site: Site, change: dict[str, str], asked: str
) -> None:
    assert book(desk, PatientFactory()).status_code == 302
    patient = PatientFactory()
    answer = book(desk, patient, **change)
    shown = answer.content.decode()
    assert answer.status_code == 400 and asked in shown and 'name="confirmed"' in shown
    assert not patient.orders.exists()
    if "taken" in asked:
        assert book(desk, patient, **change, confirmed="1").status_code == 400, "to overbook takes a reason"
        change |= {"overbook_reason": "ZZTEST ward asks"}
    assert book(desk, patient, **change, confirmed="1").status_code == 302
    assert patient.orders.count() == 1


def test_the_same_exam_is_not_ordered_twice_in_silence(desk: Client, site: Site) -> None:
    patient = PatientFactory()
    book(desk, patient)
    accession = patient.orders.get().accession
    later = f"{noon_tomorrow() + timedelta(hours=2):%Y-%m-%dT%H:%M}"
    assert f"The same exam is ordered as {accession}" in book(desk, patient, start=later).content.decode()
    side = {f"side-{ProcedureFactory().pk}": "L"}
    assert book(desk, patient, start=later, **side).status_code == 302, "another side is another exam"


def test_a_start_of_years_ago_is_refused(desk: Client, site: Site) -> None:
    answer = book(desk, PatientFactory(), start="2020-01-01T10:00", confirmed="1")
    assert answer.status_code == 400 and "in the past" in answer.content.decode()


def test_moving_a_step_asks_alike(desk: Client, site: Site) -> None:
    book(desk, PatientFactory())
    patient = PatientFactory()
    book(desk, patient, start=f"{noon_tomorrow() + timedelta(hours=3):%Y-%m-%dT%H:%M}")
    step = ScheduledStep.objects.get(procedure__order__patient=patient)
    move = reverse("orders:reschedule", args=[step.pk])
    form = {"start": f"{noon_tomorrow():%Y-%m-%dT%H:%M}", "device": step.device_id}
    asked = desk.post(move, form)
    assert asked.status_code == 409 and "CT1 is taken" in asked.content.decode()
    assert desk.post(move, form | {"overbook_reason": "ZZTEST"}).status_code == 302
    assert (step.reread().start, step.overbooked) == (noon_tomorrow(), "ZZTEST")
    gap = desk.post(move, form | {"start": "2027-03-14T02:30", "confirmed": "1"})
    assert gap.status_code == 400 and "there is no such hour" in gap.content.decode()


def test_what_has_begun_is_not_offered_for_cancelling(desk: Client, site: Site) -> None:
    order = make_order(at=now())
    page = reverse("orders:detail", args=[order.pk])
    offer = reverse("orders:cancel", args=[order.pk])
    shown = desk.get(page).content.decode()
    assert offer in shown and 'data-ask-no="Keep it"' in shown, "no two buttons that both say cancel"
    perform(order.procedures.get(), at=now())
    assert offer not in desk.get(page).content.decode()
