"""A privacy officer finds events, and tells a patient who looked; nobody else does, and no foreign patient is shown."""

from __future__ import annotations

import dataclasses
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pypdf import PdfReader

from ris.audit.chain import seal_trail
from ris.audit.models import AuditEvent
from ris.audit.services import Actor, record
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def heads(settings: Any, tmp_path: Any) -> None:
    settings.RIS = dataclasses.replace(settings.RIS, audit_heads=tmp_path / "heads.log")


def log_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def officer() -> Client:
    return log_in(make_user("officer", Role.PRIVACY_OFFICER, sites=(SiteFactory(),)))


@pytest.fixture
def order() -> Any:
    """Looked at by a resident for an attending, who breaks the glass, and changed by the EMR."""
    order = make_order(patient=PatientFactory(family_name="ZZTEST-SEEN", number="ZZ-4711"))
    attending = make_user("attending", first_name="Ada", last_name="Attending")
    resident = make_user("resident", first_name="Rem", last_name="Resident")
    actor = Actor("resident", resident.pk, "10.0.0.9", purpose="BTG", acting_for_id=attending.pk)
    for minute in range(3):
        at = NOON + timedelta(minutes=minute)
        record(actor, "order.view", order, patient_id=order.patient_id, reason="=1+1", at=at)
    record(Actor.peer("EMR"), "order.revise", order, patient_id=order.patient_id, at=NOON)
    return order


def test_a_patients_number_leads_to_who_looked_and_stands_in_no_address(officer: Client, order: Any) -> None:
    answer = officer.post("/audit/", {"number": "ZZ-4711"}, follow=True)
    assert answer.redirect_chain == [(f"/audit/patients/{order.patient_id}/", 302)]
    (resident,) = [a for a in answer.context["accesses"] if a.actor == "resident"]
    assert (resident.looks, resident.changes, resident.purpose, resident.acting_for) == (3, 0, "BTG", "Ada Attending")
    emr = next(a for a in answer.context["accesses"] if a.actor == "EMR")
    assert (emr.looks, emr.changes) == (0, 1)
    assert AuditEvent.objects.filter(action="audit.view", patient=order.patient_id, actor="officer").exists()


def test_the_report_is_a_table_and_a_paper(officer: Client, order: Any) -> None:
    text = officer.get(f"/audit/patients/{order.patient_id}/report.csv").content.decode("utf-8-sig")
    assert text.count("Rem Resident,Ada Attending,BTG,10.0.0.9,order.view") == 3
    assert "'=1+1" in text and ",=1+1" not in text
    paper = officer.get(f"/audit/patients/{order.patient_id}/report.pdf").content
    words = PdfReader(io.BytesIO(paper)).pages[0].extract_text().replace("\n", " ")
    assert "ZZTEST-SEEN" in words and "Rem Resident for Ada Attending" in words and "BTG" in words
    assert AuditEvent.objects.filter(action="audit.export", patient=order.patient_id).count() == 2


def test_the_trail_is_narrowed_by_user_action_and_day(officer: Client, order: Any) -> None:
    seal_trail(at=NOON + timedelta(minutes=10))
    later = NOON + timedelta(days=2)
    record(Actor.peer("EMR"), "order.revise", order, patient_id=order.patient_id, at=later)

    def found(**given: str) -> list[tuple[str, str]]:
        return [(event.actor, event.action) for event in officer.get("/audit/", given).context["page"]]

    assert found(user="resident") == [("resident", "order.view")] * 3
    assert found(user="EMR", action="order.rev", since="2026-03-12", until="2026-03-12") == [("EMR", "order.revise")]
    assert found(user="EMR", until="2026-03-10") == [("EMR", "order.revise")]
    assert officer.get("/audit/", {"since": "yesterday"}).status_code == 400


def test_events_of_patients_of_other_sites_are_not_shown(order: Any) -> None:
    stranger = log_in(make_user("stranger", Role.PRIVACY_OFFICER, sites=(SiteFactory(code="south"),)))
    assert stranger.get(f"/audit/patients/{order.patient_id}/").status_code == 404
    assert stranger.post("/audit/", {"number": "ZZ-4711"}).status_code == 404
    assert stranger.get("/audit/", {"patient": str(order.patient_id)}).status_code == 404
    assert b"ZZTEST-SEEN" not in stranger.get("/audit/").content


def test_what_was_seen_before_a_merge_is_told_of_the_survivor(officer: Client, order: Any) -> None:
    survivor = PatientFactory(number="ZZ-9")
    make_order(patient=survivor)
    type(survivor).objects.filter(pk=order.patient_id).update(merged_into=survivor)
    answer = officer.get(f"/audit/patients/{survivor.pk}/")
    assert {access.actor for access in answer.context["accesses"]} >= {"resident", "EMR"}


def test_others_are_refused(order: Any) -> None:
    for role in (Role.RADIOLOGIST, Role.LEAD, Role.ANALYST, Role.REFERRER):
        client = log_in(make_user(f"a-{role.name.lower()}", role, sites=(SiteFactory(),)))
        assert client.get("/audit/").status_code == 403
        assert client.get(f"/audit/patients/{order.patient_id}/report.csv").status_code == 403
