"""What reading is made of, over REST: for who may set up, seen by who leads, audited."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, SubspecialtyFactory, make_user
from tests.worklist.reading import make_item, make_reader
from worklist.models import AiPerformance, PriorPlan, Skill

pytestmark = pytest.mark.django_db


def client(user: User) -> APIClient:
    made = APIClient()
    made.force_authenticate(user)
    return made


@pytest.fixture
def admin() -> APIClient:
    return client(make_user("admin", Role.ADMINISTRATOR, sites=(SiteFactory(),)))


@pytest.fixture
def lead() -> APIClient:
    return client(make_user("lead", Role.LEAD, sites=(SiteFactory(),)))


def rows() -> dict[str, dict[str, Any]]:
    """Call → what makes a row."""
    reader, site = make_reader("r", skills=()).pk, SiteFactory().pk
    plain = make_user("plain", Role.RADIOLOGIST, sites=(SiteFactory(),)).pk
    return {
        "roster/readers": {"user": plain, "most_claims": 5},
        "roster/skills": {"reader": reader, "subspecialty": SubspecialtyFactory().pk, "modalities": ["CT"]},
        "roster/privileges": {"reader": reader, "site": site, "kind": "licence", "valid_from": "2026-01-01"},
        "worklist/ai-performance": {"vendor": "V", "code": "ICH", "ppv": 0.6, "site": site},
        "worklist/site-readings": {"site": site, "opens_on": "first images"},
        "worklist/clock-starts": {"site": site, "urgency": 2, "event": "ordered"},
        "worklist/escalation-routes": {"site": site, "rung": 3, "way": "email", "address": "desk@example.org"},
    }


def test_who_may_set_up_makes_and_changes_each_and_it_is_audited(admin: APIClient, lead: APIClient) -> None:
    for call, body in rows().items():
        made = admin.post(f"/api/{call}/", body, format="json")
        assert made.status_code == 201, (call, made.json())
        one = f"/api/{call}/{made.json()['id']}/"
        assert admin.patch(one, {}, format="json").status_code == 200, call
        assert AuditEvent.objects.filter(action="set-up.add", subject_id=str(made.json()["id"])).exists(), call
        assert lead.get(one).status_code == 200, call
        assert lead.patch(one, {}, format="json").status_code == 403, call
        assert lead.post(f"/api/{call}/", body, format="json").status_code == 403, call
        assert client(make_reader(f"reader of {call}"[:30])).get(one).status_code == 403, call


def test_a_lead_sees_nothing_of_readers_and_sites_elsewhere(admin: APIClient) -> None:
    for call, body in rows().items():
        assert admin.post(f"/api/{call}/", body, format="json").status_code == 201
        south = client(make_user(f"s{call}"[:30], Role.LEAD, sites=(SiteFactory(code="south"),)))
        found = south.get(f"/api/{call}/").json()
        assert [row for row in found.get("results", found) if row.get("user", 0) != 0] == [], call


def test_what_the_model_refuses_is_refused(admin: APIClient) -> None:
    body = {"vendor": "V", "code": "ICH", "ppv": 2}
    assert admin.post("/api/worklist/ai-performance/", body, format="json").status_code == 400
    assert admin.post("/api/worklist/ai-performance/", body | {"ppv": 0.5}, format="json").status_code == 201
    assert admin.post("/api/worklist/ai-performance/", body | {"ppv": 0.5}, format="json").status_code == 400
    row = AiPerformance.objects.get()
    assert admin.delete(f"/api/worklist/ai-performance/{row.pk}/").status_code == 204
    skill = Skill.objects.filter(pk=make_reader("s").skills.get().pk).get()
    wrong = {"modalities": "CT"}
    assert admin.patch(f"/api/roster/skills/{skill.pk}/", wrong, format="json").status_code == 400


def test_a_lead_reserves_a_case_for_a_reader_of_the_site_and_frees_it(lead: APIClient) -> None:
    item, reader = make_item(), make_reader()
    elsewhere = make_reader("elsewhere", sites=(SiteFactory(code="south"),))
    call = f"/api/worklist/{item.pk}/reserve/"
    assert client(reader).post(call, {"reader": reader.pk, "reason": "mine"}, format="json").status_code == 403
    assert lead.post(call, {"reader": elsewhere.pk, "reason": "asked for"}, format="json").status_code == 400
    assert lead.post(call, {"reader": reader.pk, "reason": "asked for"}, format="json").status_code == 200
    assert item.reread().reserved_for == reader
    assert AuditEvent.objects.filter(action="item.reserve", reason="asked for").count() == 1
    assert lead.post(call, {"reader": None, "reason": "on leave"}, format="json").status_code == 200
    assert item.reread().reserved_for is None


def test_the_planned_priors_of_a_case_are_told_best_first(lead: APIClient) -> None:
    item = make_item()
    for n in (1, 2):
        PriorPlan.objects.create(
            procedure=item.procedure, study_uid=f"2.25.{n}", score=n, planned_at=NOON, checked_at=NOON
        )
    found = lead.get(f"/api/worklist/{item.pk}/priors/").json()
    assert [row["study_uid"] for row in found] == ["2.25.2", "2.25.1"]
