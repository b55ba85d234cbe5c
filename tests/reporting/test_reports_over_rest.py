"""Corrections, critical findings and agreement over REST."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from reporting.models import ReportVersion
from ris.people.roles import Role
from tests.factories import make_user
from tests.reporting.written import NORMAL, signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db


def client_of(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def test_a_correction_is_201_and_an_older_one_409_and_one_without_reason_400() -> None:
    reader = make_reader()
    version = signed(reader)
    url, said = f"/api/reports/{version.report_id}/correct/", {"revision": 1, "impression": "A bleed."}
    client = client_of(reader)
    assert client.post(url, said, format="json").status_code == 400
    answer = client.post(url, said | {"reason": "Seen late"}, format="json")
    assert (answer.status_code, answer.data["kind"], answer.data["reason"]) == (201, "corrected", "Seen late")
    assert answer.data["findings"] == NORMAL["findings"]
    assert client.post(url, said | {"reason": "Again"}, format="json").status_code == 409
    other = client_of(make_reader("other"))
    assert other.post(url, said | {"revision": 2, "reason": "Mine"}, format="json").status_code == 403


def test_an_addendum_brings_a_critical_finding() -> None:
    reader = make_reader()
    version = signed(reader)
    said = {"text": "It bleeds.", "critical_level": "red", "critical_finding": "Bleed"}
    answer = client_of(reader).post(f"/api/reports/{version.report_id}/addendum/", said, format="json")
    assert (answer.status_code, answer.data["critical_level"]) == (201, "red")


def test_agreement_is_shown_to_those_who_read_and_to_nobody_else() -> None:
    version = signed(make_reader())
    site = version.report.item.site
    referrer = make_user("ref", Role.REFERRER, sites=(site,))
    order = version.report.procedure.order
    order.referrer = referrer
    order.save()
    url = f"/api/reports/{version.report_id}/versions/"
    assert "agreement" not in client_of(referrer).get(url).data[0]
    assert "agreement" in client_of(make_reader("other")).get(url).data[0]
    assert ReportVersion.objects.count() == 1
