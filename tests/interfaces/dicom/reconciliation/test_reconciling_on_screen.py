"""An exam without an order, from the scanner's MPPS to the right order and back, by screen; and who is told of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.dicom.models import Mpps
from interfaces.dicom.reconciliation.services import ALARM
from interfaces.hl7.models import Destination, OutboundMessage
from reporting.services import save_draft, sign
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order, PerformedStep, Study
from ris.orders.services import note_images, unlink_exam
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, ProcedureFactory, SiteFactory, make_order, make_user, perform
from tests.interfaces.dicom.mpps.test_reporting_exams_by_mpps import begun, create, ended, set_
from tests.interfaces.dicom.scu import mpps
from worklist.models import ReadingItem
from worklist.services import claim


def office(*roles: Role, site: str = "north") -> Client:
    client = Client()
    client.force_login(make_user(f"zz-{site}-{roles[0].name}", *roles, sites=(SiteFactory(code=site),)))
    return client


def strange_exam(port: int) -> PerformedStep:
    """A scanner does an exam that it found on no list, of the patient T1."""
    line = mpps(port)
    _, uid = create(line, begun(None))
    assert set_(line, ended(), uid).Status == 0x0000
    line.release()
    return PerformedStep.objects.get(mpps_uid=uid)


def told() -> list[str]:
    """Messages out since the last look: kind and control or status code."""
    rows = list(OutboundMessage.objects.order_by("pk"))
    OutboundMessage.objects.all().delete()
    return [f"{m.kind} {bytes(m.raw).decode().split('ORC|')[1].split('|')[0]}" for m in rows]


def test_from_the_scanner_to_the_right_order_and_back(dicom: int) -> None:
    Destination.objects.create(name="PACS", kinds=["order.updated", "order.status"])
    order = make_order(at=now(), patient=PatientFactory(number="T1"))
    deliver_owed(at=now())
    exam = strange_exam(dicom)
    note_images(exam.study_uid, instances=1, complete=True, actor=TESTER, at=now())
    tech = office(Role.TECHNOLOGIST)
    listed, page = reverse("dicom:exceptions"), reverse("dicom:exam", args=[exam.pk])
    assert page in tech.get(listed).content.decode()
    assert order.accession in tech.get(page).content.decode()  # suggested: same patient, modality, device

    step = order.procedures.get().steps.get()
    assert tech.post(reverse("dicom:link", args=[exam.pk]), {"step": step.pk}).status_code == 302
    deliver_owed(at=now())
    item = ReadingItem.objects.get()
    assert (item.accession, item.state) == (order.accession, "unread")
    assert order.procedures.get().study_uid == exam.study_uid
    assert Study.objects.get().procedure == order.procedures.get()
    assert page not in tech.get(listed).content.decode()
    assert told() == ["order.updated XO", "order.status SC", "order.status SC"]

    unlink = reverse("dicom:unlink", args=[exam.pk])
    assert tech.post(unlink).status_code == 400  # without a reason
    assert tech.post(unlink, {"reason": "another T1"}).status_code == 302
    deliver_owed(at=now())
    assert ReadingItem.objects.get().state == "cancelled"
    assert page in tech.get(listed).content.decode()
    assert told() == ["order.status SC", "order.updated XO"]

    tech.post(reverse("dicom:link", args=[exam.pk]), {"accession": order.accession})
    deliver_owed(at=now())
    again = ReadingItem.objects.get()
    assert (again.pk, again.state) == (item.pk, "unread") and again.lane is not None


@pytest.mark.django_db
class TestBackFilling:
    @pytest.fixture
    def exam(self) -> PerformedStep:
        """Done for nobody's order, with its images there already."""
        exam = perform(make_order(patient=PatientFactory(number="OTHER")).procedures.get())
        unlink_exam(exam.pk, reason="nobody ordered it", actor=TESTER, at=NOON)
        note_images(exam.study_uid, instances=4, complete=True, actor=TESTER, at=NOON)
        ProcedureFactory()
        return exam

    def form(self, **said: object) -> dict[str, object]:
        return {"patient": "T1", "code": "CTHEADWO", "site": SiteFactory().pk, "reason": "trauma"} | said

    def test_an_order_is_placed_after_the_fact_and_takes_the_study_over(self, exam: PerformedStep) -> None:
        patient = PatientFactory(number="T1")
        url = reverse("dicom:back-fill", args=[exam.pk])
        clerk = office(Role.SCHEDULER)
        assert clerk.post(url, self.form()).status_code == 302
        order = Order.objects.get(source="back-fill")
        deliver_owed(at=now())
        procedure = order.procedures.get()
        assert (order.patient, procedure.study_uid) == (patient, exam.study_uid)
        assert procedure.steps.get().state == "completed"
        assert Study.objects.get().procedure == procedure
        assert ReadingItem.objects.get(state="unread").procedure == procedure
        assert clerk.post(url, self.form()).status_code == 409

    def test_only_for_a_patient_who_is_known_by_one_who_may_order(self, exam: PerformedStep) -> None:
        url = reverse("dicom:back-fill", args=[exam.pk])
        clerk = office(Role.SCHEDULER)
        assert "register them" in clerk.post(url, self.form()).content.decode()
        PatientFactory(number="T1")
        assert clerk.post(url, self.form(code="")).status_code == 400
        assert clerk.post(url, self.form(site=SiteFactory(code="south").pk)).status_code == 404
        assert office(Role.TECHNOLOGIST).post(url, self.form()).status_code == 403
        assert office(Role.SCHEDULER, site="south").post(url, self.form()).status_code == 404
        assert not Order.objects.filter(source="back-fill").exists()


@pytest.mark.django_db
def test_a_report_of_an_exam_that_is_unlinked_is_alarmed_and_flagged() -> None:
    order = make_order()
    exam = perform(order.procedures.get())
    deliver_owed(at=NOON + timedelta(hours=1))
    reader = make_user("rada", Role.RADIOLOGIST, sites=(order.site,))
    item, actor, at = ReadingItem.objects.get(), Actor.of_user(reader), NOON + timedelta(hours=1)
    claim(item.pk, reader=reader, actor=actor, at=at)
    text = {"findings": "Nothing of note.", "impression": "Normal."}
    draft = save_draft(item.pk, reader=reader, revision=0, sections=text, actor=actor, at=at)
    sign(item.pk, reader=reader, revision=draft.revision, actor=actor, at=at)

    unlink_exam(exam.pk, reason="wrong patient chosen", actor=TESTER, at=at)
    deliver_owed(at=at)

    assert Alarm.objects.get(kind=ALARM, cleared_at=None).subject.startswith(order.accession)
    shown = office(Role.SCHEDULER).get(reverse("dicom:exceptions")).content.decode()
    assert "reported, then unlinked" in shown
    assert ReadingItem.objects.get().state == "final"  # what was signed stays signed, until it is corrected


@pytest.mark.django_db
def test_what_the_device_said_of_dose_and_supplies_is_on_the_pages_of_exam_and_order() -> None:
    exam = perform(make_order().procedures.get())
    PerformedStep.objects.update(dose={"ctdivol": [21.5], "dlp": 401.0})
    used = {"code": "C1", "system": "99Z", "name": "ZZ contrast", "quantity": 80.0}
    Mpps.objects.create(performed=exam, uid=exam.mpps_uid, dataset=b"", supplies=[used], updated_at=NOON)
    tech = office(Role.TECHNOLOGIST)
    order = exam.steps.get().procedure.order
    for page in (reverse("dicom:exam", args=[exam.pk]), reverse("orders:detail", args=[order.pk])):
        shown = tech.get(page).content.decode()
        assert "21.5</span> mGy" in shown and "401</span> mGy·cm" in shown
        assert "ZZ contrast <span" in shown and ">80</span>" in shown
    assert AuditEvent.objects.filter(action="exam.view").exists()


@pytest.mark.django_db
def test_an_exam_that_was_never_ended_is_ended_by_hand() -> None:
    exam = perform(make_order().procedures.get(), complete=False)
    tech = office(Role.TECHNOLOGIST)
    assert "Begun and never ended" in tech.get(reverse("dicom:exceptions")).content.decode()
    page, end = reverse("dicom:exam", args=[exam.pk]), reverse("dicom:exam-end", args=[exam.pk])
    assert end in tech.get(page).content.decode()
    assert office(Role.SCHEDULER).post(end, {"how": "completed"}).status_code == 403
    assert tech.post(end, {"how": "completed"}).status_code == 302
    assert exam.reread().state == "completed" and exam.steps.get().state == "completed"
    assert end not in tech.get(page).content.decode()
    assert tech.post(end, {"how": "discontinued"}).status_code == 409
