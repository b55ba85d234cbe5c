"""The calendar over REST: who may, whose sites, and what others see of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.orders.models import ScheduledStep
from ris.people.roles import Role
from tests.factories import DeviceFactory, ProcedureFactory, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


def client(role: Role = Role.SCHEDULER, site: str = "north") -> APIClient:
    api = APIClient()
    api.force_authenticate(make_user(f"{role.value}-{site}", role, sites=(SiteFactory(code=site),)))
    return api


def test_a_visit_is_found_held_booked_called_off_and_waits() -> None:
    desk, device, procedure = client(), DeviceFactory(), ProcedureFactory()
    order = make_order(at=now() + timedelta(days=3))
    step = ScheduledStep.objects.get(procedure__order=order)
    found = desk.get("/api/slots/", {"procedure": procedure.pk, "most": 2}).json()
    slot = found["visits"][0][0]
    assert (slot["ae_title"], slot["minutes"], len(found["visits"])) == ("CT1", 15, 2)
    time = {"device": device.pk, "start": slot["start"]}
    assert desk.post("/api/holds/", time | {"minutes": 15}).status_code == 201
    assert desk.delete("/api/holds/").status_code == 204
    assert desk.post(f"/api/steps/{step.pk}/reschedule/", time | {"confirmed": True}).status_code == 200
    until = {"site": SiteFactory().pk, "start": now().isoformat(), "end": (now() + timedelta(days=1)).isoformat()}
    (row,) = desk.get("/api/calendar/", until).json()
    assert (row["step"], row["overlaps"], row["patient"]) == (step.pk, False, order.patient_id)
    assert desk.post(f"/api/appointments/{step.pk}/call-off/", {"reason": "ZZTEST"}).status_code == 204
    assert desk.get("/api/calendar/", until).json() == []
    entry = desk.get("/api/waiting/").json()["results"][0]
    seen = AuditEvent.objects.get(action="waiting.view")
    assert (seen.subject_id, seen.patient_id) == (str(entry["id"]), step.procedure.order.patient_id)
    later = (now() + timedelta(days=2)).isoformat()
    offer = desk.post(f"/api/waiting/{entry['id']}/offer/", {"device": device.pk, "start": later}).json()
    answer = {"offer": offer["id"], "accept": True}
    assert desk.post(f"/api/waiting/{entry['id']}/answer/", answer).json()["state"] == "accepted"
    assert desk.post(f"/api/waiting/{entry['id']}/answer/", answer).status_code == 404, "nobody waits any more"
    assert step.reread().reserved_until and order.reread().state == "active"


def test_hours_blocks_and_closures_are_kept_by_who_may() -> None:
    desk, device = client(), DeviceFactory()
    hours = {"device": device.pk, "weekday": 0, "opens": "08:00", "closes": "16:00"}
    made = desk.post("/api/opening-hours/", hours)
    assert made.status_code == 201
    assert desk.post("/api/opening-hours/", hours | {"closes": "07:00"}).status_code == 400
    assert desk.post("/api/blocks/", hours | {"name": "ZZTEST", "release_hours": 24}).status_code == 201
    closure = {"site": device.site_id, "device": device.pk, "since": "2026-12-01T08:00:00Z",
               "until": "2026-12-01T10:00:00Z", "reason": "ZZTEST"}  # fmt: skip
    assert desk.post("/api/closures/", closure).status_code == 201
    for stranger, code in ((client(site="south"), 404), (client(Role.TECHNOLOGIST), 403)):
        assert stranger.post("/api/opening-hours/", hours).status_code == code
        assert stranger.delete(f"/api/opening-hours/{made.json()['id']}/").status_code == code
        assert stranger.post("/api/closures/", closure).status_code == code
    assert client(site="west").get("/api/closures/").json()["results"] == []
    assert desk.delete(f"/api/opening-hours/{made.json()['id']}/").status_code == 204
