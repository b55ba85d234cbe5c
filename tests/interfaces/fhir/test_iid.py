"""Links from other systems: who opens one is led to what they may see, for a short time, and to nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client

from ris.people.roles import Role
from ris.people.services import issue_token
from tests.factories import NOON, TESTER, SiteFactory, make_order, make_user
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db


def emr() -> Client:
    token = issue_token(make_user("emr", Role.SCHEDULER, sites=(SiteFactory(),)), label="emr", actor=TESTER, at=NOON)
    return Client(headers={"Authorization": f"Bearer {token}"})


def link(asking: Client, answered: int = 201, **wanted: str) -> str:
    answer = asking.post("/api/iid/", wanted, content_type="application/json")
    assert answer.status_code == answered, answer.content
    return str(answer.json().get("url", "")).partition("8000")[2]


def led_to(user: Any, where: str) -> tuple[int, str]:
    client = Client()
    client.force_login(user)
    answer = client.get(where)
    return answer.status_code, answer.headers.get("Location", "")


def test_whoever_may_see_it_is_led_to_the_result_the_images_or_the_order() -> None:
    reader = make_reader()
    report = signed(reader).report
    order = report.procedure.order
    asking, desk = emr(), make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),))
    result = link(asking, accession=order.accession)
    assert led_to(reader, result) == (302, f"/results/{report.pk}/")
    assert led_to(desk, result) == (302, f"/orders/{order.pk}/")
    images = link(asking, study_uid=report.procedure.study_uid, show="images")
    assert led_to(reader, images) == (302, f"/reading/{report.item_id}/images/")
    number = order.patient.identifiers.get()
    patient = link(asking, patient_id=number.value, authority=number.authority)
    assert led_to(reader, patient) == (302, f"/patients/{order.patient_id}/")
    assert number.value not in patient and order.accession not in result


def test_nobody_else_is_led_anywhere_and_nobody_after_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    order = make_order()
    where = link(emr(), accession=order.accession)
    assert Client().get(where).headers["Location"].startswith("/login/?next=/iid/")
    far = make_reader("far", sites=(SiteFactory(code="south"),))
    assert led_to(far, where)[0] == 404
    token = issue_token(far, label="far", actor=TESTER, at=NOON)
    link(Client(headers={"Authorization": f"Bearer {token}"}), 404, accession=order.accession)
    link(Client(), 401, accession=order.accession)
    assert led_to(far, "/iid/forged/")[0] == 404
    reader = make_reader()
    assert led_to(reader, where)[0] == 302
    later = signing.time.time() + timedelta(minutes=6).total_seconds()  # type: ignore[attr-defined]
    monkeypatch.setattr(signing.time, "time", lambda: later)  # type: ignore[attr-defined]
    assert led_to(reader, where)[0] == 400
