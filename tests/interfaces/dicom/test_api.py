from __future__ import annotations

from datetime import timedelta

import pytest
from pynetdicom.dsutils import encode
from rest_framework.test import APIClient

from interfaces.dicom.availability.webhook import issue_webhook_token
from interfaces.dicom.models import Archive, MwlQuery
from ris.catalog.models import Device
from ris.kernel.clock import now
from ris.orders.intents import PerformedIntent
from ris.orders.models import PerformedStep, ScheduledStep, Study
from ris.orders.services import start_exam
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user, perform
from tests.interfaces.dicom.scu import query

pytestmark = pytest.mark.django_db


def client_of(*roles: Role, site: str = "north") -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user(f"zz{site}", *roles, sites=(SiteFactory(code=site),)))
    return client


def test_why_an_order_is_not_listed() -> None:
    order = make_order(at=now())
    device = Device.objects.get(ae_title="CT1")
    MwlQuery.objects.create(
        at=now(),
        device=device,
        calling_ae="CT1",
        address="192.0.2.7",
        identifier=encode(query(step__Modality="MR"), True, True) or b"",
        implicit=True,
        rows=0,
        ms=1,
        status="0000",
    )
    asked = {"device": "CT1", "accession": order.accession}
    said = client_of(Role.TECHNOLOGIST).get("/api/dicom/explain/", asked)
    assert said.status_code == 200
    (step,) = said.json()["steps"]
    assert not step["listed"]
    assert {"key": "modality", "asked": "MR", "found": "CT", "fits": False} in step["keys"]
    assert client_of(Role.TECHNOLOGIST, site="south").get("/api/dicom/explain/", asked).status_code == 404
    assert APIClient().get("/api/dicom/explain/", asked).status_code in (401, 403)


def test_an_exam_is_linked_and_unlinked() -> None:
    order = make_order()
    step = ScheduledStep.objects.get()
    lost = start_exam(PerformedIntent(started_at=NOON, station_ae="CT1", modality="CT"), actor=TESTER, at=NOON)
    tech = client_of(Role.TECHNOLOGIST)
    url = f"/api/dicom/exams/{lost.pk}/"
    assert tech.post(url + "link/", {"steps": [step.pk]}, format="json").status_code == 204
    assert list(lost.steps.all()) == [step]
    assert tech.post(url + "link/", {"steps": [step.pk]}, format="json").status_code == 409
    assert tech.post(url + "unlink/", {"reason": "another patient"}, format="json").status_code == 204
    assert not lost.steps.exists()
    reader = client_of(Role.RESIDENT, site="south")
    assert reader.post(url + "link/", {"steps": [step.pk]}, format="json").status_code in (403, 404)
    assert PerformedStep.objects.get().steps.count() == 0
    assert order.accession


def test_exams_that_need_a_person_are_listed_and_seen_to() -> None:
    Archive.objects.create(name="archive", ae_title="ARCHIVE", host="192.0.2.1", poll="cfind")
    done = perform(make_order().procedures.get(), at=now() - timedelta(hours=5))
    begun = perform(make_order().procedures.get(), at=now() - timedelta(hours=5), complete=False)
    strange = start_exam(
        PerformedIntent(started_at=now(), station_ae="CT1", study_uid="2.25.7"), actor=TESTER, at=now()
    )
    desk, tech = client_of(Role.SCHEDULER, Role.TECHNOLOGIST), client_of(Role.TECHNOLOGIST, site="south")

    def listed(client: APIClient = desk) -> dict[str, list[int]]:
        return {kind: [one["id"] for one in rows] for kind, rows in client.get("/api/dicom/exams/").json().items()}

    assert listed() == {"unscheduled": [strange.pk], "never_ended": [begun.pk], "without_images": [done.pk]}
    assert listed(tech) == {"unscheduled": [], "never_ended": [], "without_images": []}
    where = "/api/dicom/exams/{}/{}/"
    for verb, exam, body in (
        ("end", begun, {"completed": False}),
        ("no-images", done, {"reason": "fluoroscopy only"}),
        ("order", strange, {"patient": "T9", "code": "CTHEADWO", "site": "north"}),
    ):
        assert tech.post(where.format(exam.pk, verb), body, format="json").status_code in (403, 404)
    PatientFactory(number="T9")
    assert desk.post(where.format(begun.pk, "end"), {"completed": False}, format="json").status_code == 204
    assert desk.post(where.format(done.pk, "no-images"), {"reason": "none"}, format="json").status_code == 204
    form = {"patient": "T9", "code": "CTHEADWO", "site": "north"}
    order = desk.post(where.format(strange.pk, "order"), form, format="json")
    assert order.status_code == 201
    assert strange.steps.get().procedure.order.accession == order.json()["accession"]
    assert listed() == {"unscheduled": [], "never_ended": [], "without_images": []}


class TestStableStudies:
    def token(self) -> str:
        archive = Archive.objects.create(name="archive", ae_title="ARCHIVE", host="192.0.2.1")
        return issue_webhook_token(archive, actor=TESTER, at=NOON)

    def test_an_archive_says_that_a_study_is_stable(self) -> None:
        performed = perform(make_order().procedures.get())
        said = APIClient().post(
            "/api/dicom/stable-study/",
            {"study_uid": performed.study_uid, "instances": 12},
            format="json",
            headers={"authorization": f"Bearer {self.token()}"},
        )
        assert said.status_code == 204
        study = Study.objects.get()
        assert (study.instances, study.procedure, study.retrieve_ae) == (12, performed.steps.get().procedure, "ARCHIVE")
        assert study.complete_at is not None

    def test_fewer_objects_than_the_device_made_are_not_all(self) -> None:
        performed = perform(make_order().procedures.get())
        PerformedStep.objects.update(series=[{"images": 20, "others": 0}])
        APIClient().post(
            "/api/dicom/stable-study/",
            {"study_uid": performed.study_uid, "instances": 12},
            format="json",
            headers={"authorization": f"Bearer {self.token()}"},
        )
        assert Study.objects.get().complete_at is None

    @pytest.mark.parametrize("header", ["", "Bearer ", "Bearer wrong", "Basic abc"])
    def test_nobody_else_may_say_so(self, header: str) -> None:
        self.token()
        body = {"study_uid": "1.2", "instances": 1}
        said = APIClient().post("/api/dicom/stable-study/", body, format="json", headers={"authorization": header})
        assert said.status_code == 401
        assert not Study.objects.exists()
