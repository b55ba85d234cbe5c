from __future__ import annotations

import json
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.orders import states
from ris.orders.models import Order, ScheduledStep
from ris.patients.models import Patient
from ris.people.roles import Role
from tests.factories import DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user

from .conftest import client_of


@pytest.fixture
def desk(site: Site) -> Client:
    return client_of(make_user("sched", Role.SCHEDULER, sites=(site,), time_zone="America/Chicago"))


@pytest.fixture
def tech(site: Site) -> Client:
    return client_of(make_user("tech", Role.TECHNOLOGIST, sites=(site,)), **{"HX-Request": "true"})


def test_an_order_is_placed_from_a_patient_found_and_a_code_found(desk: Client, site: Site) -> None:
    patient, procedure = PatientFactory(family_name="ZZTESTOWL"), ProcedureFactory()
    DeviceFactory(site=site)
    found = desk.post(reverse("orders:matches"), {"text": "zztestow"}).content.decode()
    assert reverse("orders:new", args=[patient.pk]) in found
    options = desk.get(reverse("orders:procedures"), {"code": "head ct"}).content.decode()
    assert reverse("orders:pick", args=[procedure.pk]) in options
    body = {
        "procedure": procedure.pk,
        "site": site.pk,
        "start": "2026-03-10T08:30",
        "priority": "STAT",
        "reason": "Fall",
    }
    answer = desk.post(reverse("orders:new", args=[patient.pk]), body)
    order = Order.objects.get()
    assert answer["Location"] == reverse("orders:detail", args=[order.pk])
    step = ScheduledStep.objects.get()
    assert (order.priority, step.modality, step.minutes, step.device.ae_title) == ("STAT", "CT", 15, "CT1")
    assert step.start.isoformat() == "2026-03-10T13:30:00+00:00", "the desk's clock stands in Chicago"


def test_what_was_typed_survives_a_refusal(desk: Client, site: Site) -> None:
    patient = PatientFactory()
    answer = desk.post(reverse("orders:new", args=[patient.pk]),
                       {"site": site.pk, "start": "2026-03-10T08:30", "reason": "Fall from a tree"})  # fmt: skip
    assert answer.status_code == 400
    assert "at least one procedure" in answer.content.decode() and "Fall from a tree" in answer.content.decode()


def test_somebody_alike_is_shown_before_a_person_is_registered_twice(desk: Client, site: Site) -> None:
    PatientFactory(family_name="ZZTESTCROW", birth_date=date(1950, 2, 3))
    said = {"family_name": "Zztestcrow", "given_name": "Beta", "birth_date": "1950-02-03", "sex": "M",
            "number": "X77", "site": site.pk}  # fmt: skip
    answer = desk.post(reverse("orders:register"), said)
    assert answer.status_code == 400 and "another person" in answer.content.decode()
    assert Patient.objects.count() == 1
    assert desk.post(reverse("orders:register"), {**said, "not_alike": "1"}).status_code == 302
    assert Patient.objects.count() == 2


def test_a_search_for_a_patient_leaves_nothing_in_the_address(desk: Client) -> None:
    order = make_order(patient=PatientFactory(family_name="ZZTESTJAY"))
    shown = desk.post(reverse("orders:list"), {"text": "zztestjay"}).content.decode()
    assert order.accession in shown and 'method="post"' in shown
    assert "zztestjay" not in desk.get(reverse("orders:list")).content.decode()


def test_cancelling_needs_a_reason_and_the_site(desk: Client) -> None:
    order = make_order()
    assert desk.post(reverse("orders:cancel", args=[order.pk])).status_code == 400
    foreign = make_order(site=SiteFactory(code="south"))
    assert desk.post(reverse("orders:cancel", args=[foreign.pk]), {"reason": "x"}).status_code == 404
    assert desk.post(reverse("orders:cancel", args=[order.pk]), {"reason": "Duplicate"}).status_code == 302
    assert order.reread().state == states.CANCELLED


def test_a_technologist_moves_a_step_by_hand_and_takes_it_back(tech: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    arrived = tech.post(reverse("orders:arrive", args=[step.pk]))
    undo = json.loads(arrived["HX-Trigger"])["toast"]["undo"]
    assert step.reread().state == states.ARRIVED
    tech.post(undo)
    assert step.reread().state == states.SCHEDULED
    tech.post(reverse("orders:arrive", args=[step.pk]))
    started = tech.post(reverse("orders:start", args=[step.pk]))
    tech.post(json.loads(started["HX-Trigger"])["toast"]["undo"])
    assert step.reread().state == states.SCHEDULED, "a wrong entry is as if it had not begun"
    tech.post(reverse("orders:start", args=[step.pk]))
    tech.post(reverse("orders:complete", args=[step.pk]))
    assert step.reread().state == states.COMPLETED


def test_the_board_shows_the_day_and_what_to_beware_of(tech: Client) -> None:
    patient = PatientFactory(allergies=["Iodine"])
    step = make_order(at=now(), patient=patient).procedures.get().steps.get()
    board = tech.get(reverse("orders:board")).content.decode()
    assert f'id="step-{step.pk}"' in board and "Allergy" in board
    assert "Iodine" in tech.get(reverse("orders:step", args=[step.pk])).content.decode()


def test_a_scheduler_does_not_perform(desk: Client) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    assert desk.post(reverse("orders:arrive", args=[step.pk])).status_code == 403
    assert "Arrive</button>" not in desk.get(reverse("orders:board")).content.decode()
