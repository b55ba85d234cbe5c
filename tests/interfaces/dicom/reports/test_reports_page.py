"""Reports on their way, on screen and over REST: seen, sent again, given up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from interfaces.dicom.models import ReportRoute, ReportSend
from interfaces.dicom.reports.sender import send_due
from reporting.models import ReportVersion
from ris.audit.models import AuditEvent
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.interfaces.dicom.reports.conftest import SIGNED, archive_at, route_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(signed: Callable[..., ReportVersion]) -> ReportSend:
    """A report that an archive that is away could not be sent."""
    route_to(archive_at())
    signed({"family_name": "ZZCANARY"})
    send_due(at=SIGNED)
    return ReportSend.objects.get()


def analyst(site: str = "north") -> User:
    return make_user(f"ann-{site}", Role.ANALYST, sites=(SiteFactory(code=site),))


def office(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_what_went_wrong_is_shown_with_the_cure(waiting: ReportSend) -> None:
    shown = office(analyst()).get(reverse("dicom:reports")).content.decode()
    assert "ZZCANARY" in shown and "cannot be reached" in shown and "1 owed" in shown
    assert reverse("dicom:report-resend", args=[waiting.pk]) in shown
    lead = office(make_user("lead", Role.LEAD, sites=(SiteFactory(),))).get(reverse("dicom:reports"))
    assert "cannot be reached" in lead.content.decode() and "Send now" not in lead.content.decode()


def test_it_is_given_up_with_a_reason_and_may_be_sent_after_all(waiting: ReportSend) -> None:
    client = office(analyst())
    skip, resend = (reverse(f"dicom:report-{act}", args=[waiting.pk]) for act in ("skip", "resend"))
    assert client.post(skip).status_code == 400
    assert client.post(skip, {"reason": "archive has it on paper"}).status_code == 302
    assert ReportSend.objects.get().state == "skipped"
    assert client.post(skip, {"reason": "again"}).status_code == 409
    assert client.post(resend, {"reason": "it does not"}).status_code == 302
    assert ReportSend.objects.get().state == "queued"
    said = AuditEvent.objects.filter(action__startswith="report.s", actor="ann-north").get()
    assert (said.action, said.reason) == ("report.skip", "archive has it on paper")


def test_the_same_over_rest(waiting: ReportSend) -> None:
    client = APIClient()
    client.force_authenticate(analyst())
    (row,) = client.get("/api/dicom/report-sends/", {"state": "queued"}).json()["results"]
    assert (row["archive"], row["form"], row["attempts"]) == ("archive", "SR", 1)
    assert row["accession"] == waiting.procedure.order.accession
    said = client.post(f"/api/dicom/report-sends/{waiting.pk}/skip/", {"reason": "no"}, format="json")
    assert said.json()["state"] == "skipped"
    assert client.get("/api/dicom/report-sends/", {"state": "queued"}).json()["results"] == []


def test_a_foreign_site_sees_and_sends_nothing(waiting: ReportSend) -> None:
    stranger = analyst("south")
    assert "ZZCANARY" not in office(stranger).get(reverse("dicom:reports")).content.decode()
    url = reverse("dicom:report-skip", args=[waiting.pk])
    assert office(stranger).post(url, {"reason": "curious"}).status_code == 404
    lead = make_user("lead", Role.LEAD, sites=(SiteFactory(),))
    assert office(lead).post(url, {"reason": "curious"}).status_code == 403
    client = APIClient()
    client.force_authenticate(make_user("rad", Role.RADIOLOGIST, sites=(SiteFactory(),)))
    assert client.get("/api/dicom/report-sends/").status_code == 403


def test_a_route_is_set_up_with_a_form_and_an_address() -> None:
    ada = office(make_user("ada", Role.ADMINISTRATOR))
    archive = archive_at()
    add = reverse("admin:dicom_reportroute_add")
    said = {"archive": archive.pk, "site": "", "way": "stow", "language": "de", "enabled": "on"}
    assert "Choose a form" in ada.post(add, said).content.decode()
    assert "DICOMweb address" in ada.post(add, said | {"sr": "on"}).content.decode()
    assert ada.post(add, said | {"sr": "on", "way": "cstore"}).status_code == 302
    assert ReportRoute.objects.get().language == "de"
    assert AuditEvent.objects.get(action="set-up.add").actor == "ada"
