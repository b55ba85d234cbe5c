"""Who leaves keeps no door open, and what they held is with somebody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from reporting.models import Report
from reporting.services import save_draft
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.people.login.leavers import end_locums
from ris.people.models import User
from ris.people.roles import Role
from ris.people.services import issue_token
from tests.factories import TESTER, SiteFactory, SubspecialtyFactory, make_order, make_user, perform
from worklist.models import ReadingItem, Skill
from worklist.selectors.access import standing_of
from worklist.services import claim

pytestmark = pytest.mark.django_db


def working(name: str) -> Client:
    client = Client()
    assert client.post("/login/", {"username": name, "password": name}).status_code == 302
    return client


def test_who_is_switched_off_is_out_everywhere_and_the_lead_has_their_drafts() -> None:
    north, at = SiteFactory(), now() - timedelta(hours=1)
    order = make_order(site=north, at=at)
    perform(order.procedures.get(), at=at)
    deliver_owed(at=now())
    rada = make_user("rada", Role.RADIOLOGIST, sites=(north,))
    Skill.objects.create(reader=rada, subspecialty=SubspecialtyFactory())
    make_user("elsewhere", Role.LEAD, sites=(SiteFactory(code="south"),))
    lead = make_user("lena", Role.LEAD, sites=(north,))
    make_user("ada", Role.ADMINISTRATOR, sites=(north,))
    item, actor = ReadingItem.objects.get(), Actor.of_user(rada)
    claim(item.pk, reader=rada, actor=actor, at=now())
    save_draft(item.pk, reader=rada, revision=0, sections={"findings": "ZZ half written"}, actor=actor, at=now())
    browser, token = working("rada"), issue_token(rada, label="script", actor=TESTER, at=now())
    key = str(browser.session.session_key)
    calling = APIClient(headers={"authorization": f"Bearer {token}"})
    assert calling.get("/api/worklist/").status_code == 200 and key in standing_of([key])

    said = {"username": "rada", "time_zone": "UTC", "roles": ["radiologist"], "sites": [north.pk]}
    assert working("ada").post(reverse("admin:people_user_change", args=[rada.pk]), said).status_code == 302
    deliver_owed(at=now())

    assert browser.get("/reading/")["Location"].startswith("/login/") and standing_of([key]) == {}
    assert calling.get("/api/worklist/").status_code == 401
    assert Client().post("/login/", {"username": "rada", "password": "rada"}).status_code == 200
    item.refresh_from_db()
    assert item.reader == lead and "ZZ half written" in str(list(Report.objects.values()))
    event = AuditEvent.objects.get(action="people.leave")
    assert (event.actor, event.subject_id) == ("ada", str(rada.pk)) and event.detail["tokens"] == 1


def test_a_locum_is_out_when_their_time_is_over_and_not_before() -> None:
    at = now()
    locum = make_user("locum", Role.RADIOLOGIST, sites=(SiteFactory(),), leaves_at=at + timedelta(days=30))
    make_user("rada", Role.RADIOLOGIST)
    browser = working("locum")
    assert end_locums(at=at + timedelta(days=29)) == 0 and browser.get("/profile/").status_code == 200
    assert end_locums(at=at + timedelta(days=30)) == 1 and browser.get("/profile/").status_code == 302
    assert not User.objects.get(pk=locum.pk).is_active and User.objects.get(username="rada").is_active
    assert end_locums(at=at + timedelta(days=31)) == 0
