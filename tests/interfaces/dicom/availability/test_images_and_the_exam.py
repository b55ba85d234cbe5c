"""What images make of an exam: by notification, callback and poll alike, and never under another patient."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pydicom.uid import generate_uid
from pynetdicom.sop_class import InstanceAvailabilityNotification as IAN

from interfaces.dicom.availability import polling
from interfaces.dicom.availability.arrivals import OTHER_PATIENT, QUIET, complete_quiet_studies
from interfaces.dicom.availability.webhook import note_stable_study
from interfaces.dicom.models import Archive, DeviceProfile
from interfaces.dicom.reconciliation.patient_check import DescribedPatient
from interfaces.dicom.scu.query_retrieve import FoundStudy
from reporting.services import save_draft, sign
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.models import Alarm, Record
from ris.kernel.relay import deliver_owed
from ris.orders import states
from ris.orders.models import Order, RequestedProcedure, Study
from ris.orders.services import complete_exam
from ris.orders.services.flags import GROWN_AFTER_READING
from ris.patients.matching import Traits
from ris.people.roles import Role
from tests.factories import TESTER, SiteFactory, make_order, make_user, perform
from tests.interfaces.dicom.availability.test_images_arriving import notification
from tests.interfaces.dicom.scu import associate
from worklist.models import ReadingItem
from worklist.services import claim
from worklist.services.revisions import CHANGED_AFTER_REPORT

pytestmark = pytest.mark.django_db


def kinds(order: Order) -> list[str]:
    studies = Record.objects.filter(stream=order.accession, kind__startswith="Study").order_by("pk")
    return [f"{record.kind} {record.body.get('complete', record.body.get('instances'))}" for record in studies]


def performed(images: int) -> RequestedProcedure:
    procedure = make_order(at=now()).procedures.get()
    exam = perform(procedure, at=now(), complete=False)
    series = [{"uid": generate_uid(), "images": images, "others": 0}]
    complete_exam(exam.mpps_uid, ended_at=now(), series=series, actor=TESTER, at=now())
    return procedure


class TestNotifications:
    def test_one_of_five_objects_is_not_the_study(self, dicom: int) -> None:
        procedure = performed(images=5)
        archive = associate(dicom, IAN, calling="ARCHIVE")
        objects = notification(procedure.study_uid, *["ONLINE"] * 5)
        (series,) = objects.ReferencedSeriesSequence
        every = list(series.ReferencedSOPSequence)
        for few in (every[:1], every[:1], every[1:3]):  # the second says nothing new
            series.ReferencedSOPSequence = few
            archive.send_n_create(objects, IAN, generate_uid())
        study = Study.objects.get()
        assert (study.instances, study.complete_at) == (3, None)
        series.ReferencedSOPSequence = every[3:]
        archive.send_n_create(objects, IAN, generate_uid())
        study = Study.objects.get()
        assert study.instances == 5 and study.complete_at is not None
        assert kinds(procedure.order) == ["StudyArrived False", "StudyArrived True"]
        more = notification(procedure.study_uid, "ONLINE")
        archive.send_n_create(more, IAN, generate_uid())
        gone = more.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        gone.InstanceAvailability = "UNAVAILABLE"
        archive.send_n_create(more, IAN, generate_uid())
        archive.release()
        study = Study.objects.get()
        assert (study.instances, study.complete_at) == (5, None) and study.withdrawn_at is not None
        assert kinds(procedure.order)[2:] == ["StudyGrown 6", "StudyWithdrawn 5"]

    def test_a_rejected_object_is_withdrawn_and_its_rejection_note_is_no_image(self, dicom: int) -> None:
        procedure = performed(images=2)
        archive = associate(dicom, IAN, calling="ARCHIVE")
        told = notification(procedure.study_uid, "ONLINE", "ONLINE")
        archive.send_n_create(told, IAN, generate_uid())
        assert Study.objects.get().complete_at is not None
        rejected, note = told.ReferencedSeriesSequence[0].ReferencedSOPSequence
        rejected.InstanceAvailability = "UNAVAILABLE"
        note.ReferencedSOPClassUID, note.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.59", generate_uid()
        archive.send_n_create(told, IAN, generate_uid())
        archive.release()
        study = Study.objects.get()
        assert (study.instances, study.complete_at) == (1, None)
        assert kinds(procedure.order)[-1] == "StudyWithdrawn 1"

    def test_while_the_device_is_still_at_it_nothing_is_all(self, dicom: int) -> None:
        procedure = make_order(at=now()).procedures.get()
        perform(procedure, at=now(), complete=False)
        archive = associate(dicom, IAN, calling="ARCHIVE")
        archive.send_n_create(notification(procedure.study_uid, "ONLINE", "ONLINE"), IAN, generate_uid())
        archive.release()
        assert Study.objects.get().complete_at is None


@pytest.fixture
def silent_device() -> RequestedProcedure:
    """A waiting exam on a device that sends no MPPS."""
    procedure = make_order(at=now()).procedures.get()
    DeviceProfile.objects.create(device=procedure.steps.get().device, completes_by_images=True)
    return procedure


@pytest.fixture
def archive() -> Archive:
    return Archive.objects.create(name="archive", ae_title="ARCHIVE", host="127.0.0.1", poll="cfind")


def found_for(procedure: RequestedProcedure, uid: str = "", **changes: object) -> FoundStudy:
    order, patient = procedure.order, procedure.order.patient
    said = DescribedPatient(
        number=patient.identifiers.get().value,
        traits=Traits(family=patient.family_name, given=patient.given_name, birth_date=patient.birth_date),
    )
    values = {
        "uid": uid or procedure.study_uid, "on": date(2026, 3, 10), "description": "Head", "modalities": ("CT",),
        "instances": 4, "accession": order.accession, "patient": said,
    }  # fmt: skip
    return FoundStudy(**(values | changes))  # type: ignore[arg-type]


class TestDevicesWithoutMpps:
    def case(self, procedure: RequestedProcedure) -> ReadingItem | None:
        deliver_owed(at=now() + timedelta(hours=1))
        return ReadingItem.objects.filter(procedure=procedure).first()

    def test_the_first_image_starts_and_the_last_completes(self, dicom: int, silent_device: RequestedProcedure) -> None:
        archive = associate(dicom, IAN, calling="ARCHIVE")
        for _ in range(2):
            archive.send_n_create(notification(silent_device.study_uid, "ONLINE", "ONLINE"), IAN, generate_uid())
        archive.release()
        step = silent_device.steps.get()
        assert (step.state, self.case(silent_device)) == (states.STARTED, None), "a part is not the exam"
        assert complete_quiet_studies(at=now() + QUIET) == 1
        assert step.reread().state == states.COMPLETED
        assert self.case(silent_device) is not None
        assert Study.objects.get().instances == 4

    def test_a_callback_completes_it(self, silent_device: RequestedProcedure, archive: Archive) -> None:
        note_stable_study(archive, silent_device.study_uid, instances=3, complete=True, at=now())
        assert silent_device.steps.get().state == states.COMPLETED and self.case(silent_device)
        note_stable_study(archive, silent_device.study_uid, instances=5, complete=True, at=now())
        assert kinds(silent_device.order) == ["StudyArrived True", "StudyGrown 5"]

    @pytest.mark.parametrize("own_study", [False, True])
    def test_a_poll_completes_it_when_it_has_stopped_growing(
        self,
        silent_device: RequestedProcedure,
        archive: Archive,
        monkeypatch: pytest.MonkeyPatch,
        own_study: bool,
    ) -> None:
        uid = generate_uid() if own_study else silent_device.study_uid
        there = found_for(silent_device, uid)

        def find(_: Archive, **keys: str) -> list[FoundStudy]:
            return [there] if keys in ({"StudyInstanceUID": uid}, {"AccessionNumber": there.accession}) else []

        monkeypatch.setattr(polling, "find_studies", find)
        polling.poll_archives(at=now())
        polling.poll_archives(at=now() + timedelta(minutes=1))
        silent_device.refresh_from_db()
        assert silent_device.steps.get().state == states.COMPLETED and self.case(silent_device)
        assert silent_device.study_uid == uid, "what was performed wins"

    def test_a_device_that_sends_mpps_is_waited_for(self, archive: Archive) -> None:
        procedure = make_order(at=now()).procedures.get()
        note_stable_study(archive, procedure.study_uid, instances=3, complete=True, at=now())
        assert procedure.steps.get().state == states.SCHEDULED and self.case(procedure) is None


class TestAnotherPatient:
    @pytest.fixture
    def strange(self, silent_device: RequestedProcedure) -> FoundStudy:
        return found_for(silent_device, patient=DescribedPatient(number="ZZ999", traits=Traits(family="ZZOTHER")))

    @pytest.fixture
    def desk(self) -> Client:
        client = Client()
        client.force_login(make_user("zz-tech", Role.TECHNOLOGIST, Role.SCHEDULER, sites=(SiteFactory(),)))
        return client

    def test_images_under_another_patient_wait_for_a_person(
        self, silent_device: RequestedProcedure, archive: Archive, strange: FoundStudy, desk: Client
    ) -> None:
        for _ in range(2):
            study = polling.note_archive_study(archive, strange, at=now())
        deliver_owed(at=now())
        assert study.procedure is None and silent_device.steps.get().state == states.SCHEDULED
        assert not ReadingItem.objects.exists()
        assert Alarm.objects.get(kind=OTHER_PATIENT, cleared_at=None)
        page = reverse("dicom:images", args=[study.pk])
        listed = desk.get(reverse("dicom:exceptions")).content.decode()
        assert page in listed and "ZZ999" in listed
        shown = desk.get(page).content.decode()
        assert silent_device.order.accession in shown and "another patient number" in shown

        step = silent_device.steps.get()
        assert desk.post(reverse("dicom:link-images", args=[study.pk]), {"step": step.pk}).status_code == 302
        deliver_owed(at=now())
        assert step.reread().state == states.COMPLETED and ReadingItem.objects.get().procedure == silent_device
        assert not Alarm.objects.filter(kind=OTHER_PATIENT, cleared_at=None).exists()
        assert page not in desk.get(reverse("dicom:exceptions")).content.decode()
        polling.note_archive_study(archive, strange, at=now())
        assert not Alarm.objects.filter(kind=OTHER_PATIENT, cleared_at=None).exists(), "a person has decided"

    def test_images_that_nobody_ordered_are_alarmed_and_may_be_given_to_an_order(
        self, archive: Archive, desk: Client
    ) -> None:
        procedure = make_order(at=now()).procedures.get()
        study = polling.note_archive_study(archive, found_for(procedure, generate_uid(), accession=""), at=now())
        polling.alarm_missing(at=now() + timedelta(minutes=11))
        assert Alarm.objects.get(kind=polling.NO_ORDER, cleared_at=None).detail == "studies without an order: 1"
        assert procedure.order.accession in desk.get(reverse("dicom:images", args=[study.pk])).content.decode()
        rows = desk.get("/api/dicom/images/").json()
        assert [(row["id"], row["patient_number"]) for row in rows] == [(study.pk, study.patient_number)]
        form = {"accession": procedure.order.accession}
        assert desk.post(reverse("dicom:link-images", args=[study.pk]), form).status_code == 302
        deliver_owed(at=now())
        procedure.refresh_from_db()
        assert procedure.study_uid == study.study_uid and ReadingItem.objects.get().procedure == procedure
        polling.alarm_missing(at=now() + timedelta(minutes=12))
        assert not Alarm.objects.filter(kind=polling.NO_ORDER, cleared_at=None).exists()


class TestReadersAreTold:
    """A study that changes after somebody began to read it."""

    @pytest.fixture
    def item(self, archive: Archive) -> ReadingItem:
        procedure = performed(images=2)
        note_stable_study(archive, procedure.study_uid, instances=2, complete=True, at=now())
        deliver_owed(at=now())
        return ReadingItem.objects.get()

    def grow(self, item: ReadingItem, archive: Archive) -> Order:
        note_stable_study(archive, item.procedure.study_uid, instances=3, complete=True, at=now())
        deliver_owed(at=now())
        return Order.objects.get()

    def test_nobody_has_begun_to_read(self, item: ReadingItem, archive: Archive) -> None:
        assert self.grow(item, archive).flags == []

    def test_who_reads_sees_it_in_the_room(self, item: ReadingItem, archive: Archive) -> None:
        reader = make_user("zz-reader", Role.RADIOLOGIST, sites=(item.site,))
        claim(item.pk, reader=reader, actor=TESTER, at=now())
        self.grow(item, archive)
        room = Client()
        room.force_login(reader)
        assert GROWN_AFTER_READING in room.get(reverse("reporting:room", args=[item.pk])).content.decode().lower()
        assert not Alarm.objects.filter(kind=CHANGED_AFTER_REPORT).exists()

    def test_of_a_signed_report_somebody_is_alarmed(self, item: ReadingItem, archive: Archive) -> None:
        reader = make_user("zz-reader", Role.RADIOLOGIST, sites=(item.site,))
        actor, at = Actor.of_user(reader), now()
        claim(item.pk, reader=reader, actor=actor, at=at)
        text = {"findings": "Nothing.", "impression": "Normal."}
        draft = save_draft(item.pk, reader=reader, revision=0, sections=text, actor=actor, at=at)
        sign(item.pk, reader=reader, revision=draft.revision, actor=actor, at=at)
        assert self.grow(item, archive).flags == [GROWN_AFTER_READING]
        assert Alarm.objects.get(kind=CHANGED_AFTER_REPORT, cleared_at=None).subject.startswith(item.accession)
