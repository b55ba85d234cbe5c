from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom.sop_class import InstanceAvailabilityNotification as IAN

from interfaces.dicom.availability.polling import poll_archives
from interfaces.dicom.models import Archive
from ris.kernel.clock import now
from ris.kernel.models import Record
from ris.orders.models import RequestedProcedure, Study
from ris.orders.services import complete_exam
from tests.factories import NOON, TESTER, make_order, perform
from tests.interfaces.dicom.orthanc import Orthanc, orthanc
from tests.interfaces.dicom.scu import associate


def notification(study_uid: str, *availabilities: str) -> Dataset:
    instances = []
    for availability in availabilities:
        instance = Dataset()
        instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = "1.2.3", generate_uid()
        instance.InstanceAvailability, instance.RetrieveAETitle = availability, "ARCHIVE"
        instances.append(instance)
    series, said = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = generate_uid(), instances
    said.StudyInstanceUID, said.ReferencedSeriesSequence = study_uid, [series]
    said.ReferencedPerformedProcedureStepSequence = []
    return said


def test_an_archive_tells_of_a_study_by_ian(dicom: int) -> None:
    procedure = make_order(at=now()).procedures.get()
    archive = associate(dicom, IAN, calling="ARCHIVE")
    told = notification(procedure.study_uid, "ONLINE", "UNAVAILABLE")
    first, _ = archive.send_n_create(told, IAN, generate_uid())
    study = Study.objects.get()
    assert (first.Status, study.procedure, study.instances, study.complete_at) == (0x0000, procedure, 1, None)
    told.ReferencedSeriesSequence[0].ReferencedSOPSequence[1].InstanceAvailability = "NEARLINE"
    archive.send_n_create(told, IAN, generate_uid())
    study = Study.objects.get()
    assert (study.instances, study.retrieve_ae) == (2, "ARCHIVE")
    assert study.complete_at is not None
    hollow = notification(procedure.study_uid)
    hollow.ReferencedSeriesSequence = []
    empty, _ = archive.send_n_create(hollow, IAN, generate_uid())
    assert empty.Status == 0x0120
    archive.release()
    kinds = Record.objects.filter(kind="StudyArrived").order_by("pk")
    assert [record.body["complete"] for record in kinds] == [False, True]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc("ARCHIVE", tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.mark.django_db
class TestPolling:
    @pytest.fixture(params=["cfind", "qido"])
    def archive(self, request: pytest.FixtureRequest, server: Orthanc) -> Archive:
        return Archive.objects.create(
            name="archive",
            ae_title="ARCHIVE",
            host="127.0.0.1",
            port=server.dicom,
            poll=request.param,
            dicomweb=f"{server.url}/dicom-web",
        )

    def exam(self, images: int) -> RequestedProcedure:
        procedure = make_order().procedures.get()
        performed = perform(procedure, complete=False)
        series = [{"uid": generate_uid(), "images": images, "others": 0}] if images else []
        complete_exam(performed.mpps_uid, ended_at=NOON, series=series, actor=TESTER, at=NOON)
        return procedure

    def test_a_study_with_all_that_the_device_made_is_whole(self, archive: Archive, server: Orthanc) -> None:
        procedure = self.exam(images=3)
        assert poll_archives(at=NOON) == 0
        server.store(patient_id="T1", uid=procedure.study_uid, images=2)
        poll_archives(at=NOON)
        assert (Study.objects.get().instances, Study.objects.get().complete_at) == (2, None)
        server.store(patient_id="T1", uid=procedure.study_uid, images=1)
        poll_archives(at=NOON + timedelta(minutes=1))
        assert Study.objects.get().complete_at == NOON + timedelta(minutes=1)
        assert poll_archives(at=NOON) == 0  # nothing is awaited any more

    def test_without_a_count_a_study_that_stopped_growing_is_whole(self, archive: Archive, server: Orthanc) -> None:
        procedure = self.exam(images=0)
        server.store(patient_id="T1", uid=procedure.study_uid, images=2)
        poll_archives(at=NOON)
        assert Study.objects.get().complete_at is None
        poll_archives(at=NOON + timedelta(minutes=1))
        assert Study.objects.get().complete_at == NOON + timedelta(minutes=1)
