"""Whoever is shown a patient's data by a page or a call leaves an event, whichever address it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import Client

from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.patients.models import Identifier, Patient
from ris.people.roles import Role
from ris.people.services import grant
from tests.factories import TESTER
from tests.pages.demo_day import begin_day, fill_day
from tests.pages.every_address import client_of, places

PUBLIC_KEYS = "/smart/jwks"
"""The one answer that may be kept: it is the same for everybody, and who checks tokens needs it each time."""

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def shown(client: Client, where: str) -> tuple[bytes, int]:
    """The body of an answer of 200 (else nothing), and how many events it left."""
    with transaction.atomic():
        before = AuditEvent.objects.count()
        answer = client.get(where)
        left = AuditEvent.objects.count() - before
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    if answer.status_code == 200 and where != PUBLIC_KEYS:
        assert "no-store" in answer.headers["Cache-Control"], (
            f"{answer.headers['Cache-Control']} at {where}: a shared computer keeps it"
        )
    return (body if answer.status_code == 200 else b""), left


def silent_reads() -> Iterator[str]:
    """Addresses that show somebody's name or number to one who has every role, and leave no event."""
    day = begin_day(now())
    fill_day(day)
    words = {name for name in Patient.objects.values_list("family_name", flat=True) if len(name) > 4}
    words |= {value for value in Identifier.objects.values_list("value", flat=True) if len(value) > 4}
    everybody = day.roles[Role.LEAD]
    grant(everybody, roles=list(Role), sites=list(Site.objects.all()), actor=TESTER, at=day.at)
    client = client_of(everybody)
    for place in places():
        for where in sorted({place.addresses[0], place.addresses[-1]}):
            body, left = shown(client, where)
            if not left and any(word.encode() in body for word in words):
                yield where


def test_no_patient_is_shown_without_an_event() -> None:
    assert sorted(silent_reads()) == []


def test_a_search_and_a_list_of_texts_leave_an_event_for_each_patient() -> None:
    day = begin_day(now())
    fill_day(day)
    client = client_of(day.roles[Role.RADIOLOGIST])
    reports = client.get("/api/reports/?page_size=500").json()["results"]
    read = AuditEvent.objects.filter(action="report.view", subject="Report")
    assert len(reports) > 1 and set(read.values_list("subject_id", flat=True)) == {str(row["id"]) for row in reports}
    assert not read.filter(patient=None).exists()
    found = client_of(day.roles[Role.SCHEDULER]).post("/api/patients/search/", {"text": "ZZTEST"},
                                                      content_type="application/json").json()  # fmt: skip
    events = AuditEvent.objects.filter(action="patients.search")
    assert len(found) > 1 and set(events.values_list("patient", flat=True)) == {row["id"] for row in found}
