"""The scheduler's pages: the calendar's feed, a move that is refused, what a closure leaves to be placed anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.orders.models import ScheduledStep
from ris.people.roles import Role
from ris.scheduling.models import Closure, Hold, WaitingEntry
from tests.factories import DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user

from .conftest import client_of, noon_tomorrow
from .test_booking import book


@pytest.fixture
def desk(site: Site) -> Client:
    return client_of(make_user("sched", Role.SCHEDULER, sites=(site,), time_zone="America/Chicago"))


def booked(desk: Client, **later: int) -> ScheduledStep:
    patient = PatientFactory()
    assert book(desk, patient, start=f"{noon_tomorrow() + timedelta(**later):%Y-%m-%dT%H:%M}").status_code == 302
    return ScheduledStep.objects.get(procedure__order__patient=patient)


def test_the_feed_has_the_rooms_and_the_appointments_of_the_users_site_only(desk: Client, site: Site) -> None:
    step = booked(desk)
    make_order(site=SiteFactory(code="south"), at=noon_tomorrow())
    where = {"site": site.pk, "day": f"{noon_tomorrow():%Y-%m-%d}"}
    read = desk.get(reverse("scheduling:events"), where).json()
    assert [room["title"] for room in read["resources"]] == ["CT1 · Room 1"]
    (event,) = read["events"]
    assert (event["start"], event["extendedProps"]["step"]) == (f"{noon_tomorrow():%Y-%m-%dT%H:%M}", step.pk)
    assert AuditEvent.objects.filter(action="calendar.view").exists()
    shown = desk.get(reverse("scheduling:calendar"), where | {"view": "list"}).content.decode()
    assert step.procedure.order.patient.display_name in shown and "America/Chicago" in shown
    stranger = client_of(make_user("far", Role.SCHEDULER, sites=(SiteFactory(code="south"),)))
    assert stranger.get(reverse("scheduling:step", args=[step.pk])).status_code == 404
    assert stranger.post(reverse("scheduling:move", args=[step.pk])).status_code == 404


def test_a_move_onto_another_is_refused_with_the_reason_and_taken_with_one(desk: Client, site: Site) -> None:
    first, second = booked(desk), booked(desk, hours=2)
    form = {"start": f"{noon_tomorrow():%Y-%m-%dT%H:%M}", "device": first.device_id, "minutes": 20}
    where = reverse("scheduling:move", args=[second.pk])
    refused = desk.post(where, form, headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (409, "taken")
    assert desk.post(where, form | {"overbook_reason": "ZZTEST"}).status_code == 200
    moved = second.reread()
    assert (moved.start, moved.minutes, moved.overbooked) == (noon_tomorrow(), 20, "ZZTEST")
    tech = client_of(make_user("tech", Role.TECHNOLOGIST, sites=(site,)))
    assert tech.post(where, form).status_code == 403


def test_a_chosen_time_is_held_and_the_order_begins_with_it(desk: Client, site: Site) -> None:
    device, patient, procedure = DeviceFactory(), PatientFactory(), ProcedureFactory()
    start = f"{noon_tomorrow():%Y-%m-%dT%H:%M}"
    assert desk.post(reverse("scheduling:choose-time"), {"device": device.pk, "start": start}).status_code == 302
    assert Hold.objects.get().start == noon_tomorrow()
    shown = desk.get(reverse("orders:new", args=[patient.pk])).content.decode()
    assert f'value="{start}"' in shown and "Chosen in the calendar: CT1" in shown
    picked = desk.get(reverse("orders:pick", args=[procedure.pk]), {"site": site.pk}).content.decode()
    assert 'value="CT1" selected' in picked
    assert desk.post(reverse("scheduling:renew-hold")).status_code == 204
    other = client_of(make_user("other", Role.SCHEDULER, sites=(site,)))
    assert other.post(reverse("scheduling:choose-time"), {"device": device.pk, "start": start}).status_code == 409
    assert book(desk, patient).status_code == 302, "who holds it may book it"


def test_what_a_closure_hits_is_placed_anew_as_the_scheduler_accepts(desk: Client, site: Site) -> None:
    first, second = booked(desk), booked(desk, minutes=15)
    start, end = noon_tomorrow() - timedelta(hours=1), noon_tomorrow() + timedelta(hours=1)
    form = {"site": site.pk, "device": first.device_id, "kind": "down", "reason": "ZZTEST tube",
            "since": f"{start:%Y-%m-%dT%H:%M}", "until": f"{end:%Y-%m-%dT%H:%M}"}  # fmt: skip
    assert desk.post(reverse("scheduling:closures"), form | {"reason": ""}).status_code == 400
    desk.post(reverse("scheduling:closures"), form)
    where = reverse("scheduling:closure", args=[Closure.objects.get().pk])
    suggestions = desk.get(where).context["suggestions"]
    assert [step.pk for step, *_ in suggestions] == [first.pk, second.pk]
    slots = [slot for _, slot, _ in suggestions]
    assert slots[1].start >= slots[0].start + timedelta(minutes=15), "no two are suggested the same time"
    for step, slot, text in suggestions:
        accept = {"device": slot.device.pk, "start": text, "back": Closure.objects.get().pk}
        assert desk.post(reverse("scheduling:book", args=[step.pk]), accept)["Location"] == where
    assert desk.get(where).context["suggestions"] == []
    assert first.reread().reserved_until and second.reread().start == slots[1].start


def test_a_called_off_one_waits_and_is_booked_at_a_free_time(desk: Client, site: Site) -> None:
    step = booked(desk)
    where = reverse("scheduling:call-off", args=[step.pk])
    assert desk.post(where, {"reason": ""}).status_code == 400
    assert desk.post(where, {"reason": "ZZTEST is ill"})["Location"] == reverse("scheduling:waiting")
    assert "ZZTEST is ill" in desk.get(reverse("scheduling:waiting")).content.decode()
    times = desk.get(reverse("scheduling:times", args=[step.pk]))
    slot, text = times.context["slots"][0]
    assert (
        desk.post(reverse("scheduling:book", args=[step.pk]), {"device": slot.device.pk, "start": text}).status_code
        == 302
    )
    assert step.procedure.order.reread().state == "active" and WaitingEntry.objects.get().state == "booked"
    sheet = desk.get(reverse("scheduling:sheet", args=[step.pk])).content.decode()
    assert step.procedure.order.patient.display_name in sheet and "Room 1" in sheet
