from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityPerformedProcedureStep as MPPS
from pynetdicom.sop_class import ModalityPerformedProcedureStepRetrieve as MPPS_GET

from interfaces.dicom.models import Mpps
from ris.kernel.clock import now
from ris.orders import states
from ris.orders.models import PerformedStep, RequestedProcedure
from tests.factories import PatientFactory, make_order
from tests.interfaces.dicom.scu import STEP, accessions, associate, findscu, mpps


def begun(procedure: RequestedProcedure | None, **changes: Any) -> Dataset:
    """An N-CREATE as a scanner sends it from its worklist entry; without a procedure: unscheduled."""
    scheduled = Dataset()
    scheduled.StudyInstanceUID = procedure.study_uid if procedure else generate_uid()
    scheduled.AccessionNumber = procedure.order.accession if procedure else ""
    scheduled.RequestedProcedureID = procedure.number if procedure else ""
    scheduled.ScheduledProcedureStepID = procedure.steps.first().number if procedure else ""
    told = Dataset()
    told.PatientName, told.PatientID = "ZZTEST^ALPHA", "T1"
    if procedure:  # as it stood on the worklist
        patient = procedure.order.patient
        told.PatientName = f"{patient.family_name}^{patient.given_name}"
        told.PatientID = patient.identifiers.earliest("pk").value
    told.ScheduledStepAttributesSequence = [scheduled]
    told.PerformedProcedureStepID = "PPS1"
    told.PerformedStationAETitle = "CT1"
    told.PerformedProcedureStepStartDate, told.PerformedProcedureStepStartTime = "20260310", "120000"
    told.PerformedProcedureStepStatus = "IN PROGRESS"
    told.Modality = "CT"
    told.PerformedSeriesSequence = []
    for name, value in changes.items():
        setattr(told, name, value)
    return told


def ended(status: str = "COMPLETED", **changes: Any) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", generate_uid()
    series = Dataset()
    series.SeriesInstanceUID, series.ProtocolName = generate_uid(), "HEAD"
    series.ReferencedImageSequence = [image]
    told = Dataset()
    told.PerformedProcedureStepStatus = status
    told.PerformedProcedureStepEndDate, told.PerformedProcedureStepEndTime = "20260310", "121000"
    told.PerformedSeriesSequence = [series]
    for name, value in changes.items():
        setattr(told, name, value)
    return told


def code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", "made up"
    return item


def create(line: Association, told: Dataset, uid: str | None = None) -> tuple[int, str]:
    uid = uid or generate_uid()
    status, _ = line.send_n_create(told, MPPS, uid)
    return status.Status, uid


def set_(line: Association, told: Dataset, uid: str) -> Dataset:
    status, _ = line.send_n_set(told, MPPS, uid)
    return status


@pytest.fixture
def line(dicom: int) -> Any:
    association = mpps(dicom)
    yield association
    association.release()


def steps_of(procedure: RequestedProcedure) -> list[str]:
    return list(procedure.steps.order_by("pk").values_list("state", flat=True))


def test_an_exam_is_started_and_completed(line: Association) -> None:
    procedure = make_order(at=now()).procedures.get()

    status, uid = create(line, begun(procedure))
    assert (status, steps_of(procedure)) == (0x0000, [states.STARTED])

    assert set_(line, ended(), uid).Status == 0x0000
    assert steps_of(procedure) == [states.COMPLETED]
    performed = PerformedStep.objects.get(mpps_uid=uid)
    assert performed.station_ae == "CT1"
    assert performed.started_at.isoformat() == "2026-03-10T17:00:00+00:00"  # noon by the site's clock
    assert performed.series[0]["images"] == 1


def test_a_started_exam_is_off_the_worklist(dicom: int, line: Association) -> None:
    order = make_order(at=now())
    create(line, begun(order.procedures.get()))
    assert accessions(findscu(dicom, STEP + "ScheduledStationAETitle=CT1")) == []
    started = findscu(dicom, STEP + "ScheduledProcedureStepStatus=STARTED")
    assert accessions(started) == [order.accession]


def test_an_exam_entered_for_the_wrong_patient_goes_back_on_the_list(dicom: int, line: Association) -> None:
    order = make_order(at=now())
    _, uid = create(line, begun(order.procedures.get()))
    wrong = ended("DISCONTINUED", PerformedProcedureStepDiscontinuationReasonCodeSequence=[code("110514")])
    assert set_(line, wrong, uid).Status == 0x0000
    assert accessions(findscu(dicom, STEP + "ScheduledStationAETitle=CT1")) == [order.accession]


def test_a_discontinued_exam_leaves_the_list(dicom: int, line: Association) -> None:
    order = make_order(at=now())
    _, uid = create(line, begun(order.procedures.get()))
    set_(line, ended("DISCONTINUED"), uid)
    assert accessions(findscu(dicom, STEP + "ScheduledStationAETitle=CT1")) == []
    assert steps_of(order.procedures.get()) == [states.DISCONTINUED]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"PerformedProcedureStepStatus": "COMPLETED"}, 0x0106),
        ({"PerformedProcedureStepStatus": ""}, 0x0121),
        ({"ScheduledStepAttributesSequence": []}, 0x0121),
        ({"PerformedProcedureStepStartDate": ""}, 0x0121),
        ({"Modality": ""}, 0x0121),
    ],
)
def test_a_step_that_cannot_be_created_is_refused_with_the_standards_status(
    line: Association, change: dict[str, Any], status: int
) -> None:
    procedure = make_order(at=now()).procedures.get()
    assert create(line, begun(procedure, **change))[0] == status
    assert steps_of(procedure) == [states.SCHEDULED]


def test_a_missing_attribute_is_named(line: Association) -> None:
    told = begun(make_order(at=now()).procedures.get())
    del told.PerformedStationAETitle
    status, _ = line.send_n_create(told, MPPS, generate_uid())
    assert (status.Status, status.ErrorComment) == (0x0120, "Performed Station AE Title is missing")


def test_the_same_uid_twice_is_a_duplicate(line: Association) -> None:
    procedure = make_order(at=now()).procedures.get()
    _, uid = create(line, begun(procedure))
    assert create(line, begun(procedure), uid)[0] == 0x0111


def test_an_unknown_uid_cannot_be_set(line: Association) -> None:
    assert set_(line, ended(), generate_uid()).Status == 0x0112


def test_an_ended_step_cannot_be_set_any_more(line: Association) -> None:
    _, uid = create(line, begun(make_order(at=now()).procedures.get()))
    set_(line, ended(), uid)
    again = set_(line, ended("DISCONTINUED"), uid)
    assert (again.Status, again.ErrorID) == (0x0110, 0xA710)
    assert PerformedStep.objects.get(mpps_uid=uid).state == states.COMPLETED


def test_what_may_not_be_set_is_not_taken_and_noted(line: Association) -> None:
    _, uid = create(line, begun(make_order(at=now()).procedures.get()))
    assert set_(line, ended(PatientID="T2"), uid).Status == 0x0001
    kept = Mpps.objects.get(uid=uid)
    number = kept.performed.steps.get().procedure.order.patient.identifiers.get().value
    assert (kept.patient_id, kept.violations) == (number, ["set (0010,0020)"])


def test_one_exam_may_perform_several_scheduled_steps(line: Association) -> None:
    patient = PatientFactory()
    first, second = (make_order(at=now(), patient=patient).procedures.get() for _ in range(2))
    group = begun(first)
    group.ScheduledStepAttributesSequence.append(begun(second).ScheduledStepAttributesSequence[0])
    _, uid = create(line, group)
    set_(line, ended(), uid)
    assert steps_of(first) == steps_of(second) == [states.COMPLETED]


def test_a_second_exam_may_be_appended_to_a_step(line: Association) -> None:
    procedure = make_order(at=now()).procedures.get()
    _, first = create(line, begun(procedure))
    _, second = create(line, begun(procedure))
    set_(line, ended(), first)
    assert steps_of(procedure) == [states.STARTED]
    set_(line, ended(), second)
    assert steps_of(procedure) == [states.COMPLETED]


def test_an_unscheduled_exam_is_accepted_and_waits_for_a_person(line: Association) -> None:
    status, uid = create(line, begun(None))
    assert status == 0x0000
    assert set_(line, ended(), uid).Status == 0x0000
    performed = PerformedStep.objects.get(mpps_uid=uid)
    assert (performed.state, list(performed.steps.all())) == (states.COMPLETED, [])
    assert performed.mpps.violations == ["unscheduled"]


def test_a_reference_without_step_id_is_found_by_accession(line: Association) -> None:
    procedure = make_order(at=now()).procedures.get()
    told = begun(procedure)
    item = told.ScheduledStepAttributesSequence[0]
    item.StudyInstanceUID, item.ScheduledProcedureStepID, item.RequestedProcedureID = generate_uid(), "", ""
    create(line, told)
    assert steps_of(procedure) == [states.STARTED]


def test_the_scanner_may_leave_the_uid_to_us(line: Association) -> None:
    procedure = make_order(at=now()).procedures.get()
    status, _ = line.send_n_create(begun(procedure), MPPS, None)
    assert status.Status == 0x0000
    assert PerformedStep.objects.get().mpps_uid.startswith("2.25.")


def test_dose_and_supplies_are_kept(line: Association) -> None:
    _, uid = create(line, begun(make_order(at=now()).procedures.get()))
    exposure, supply, quantity = Dataset(), Dataset(), Dataset()
    exposure.CTDIvol = 12.5
    quantity.Quantity, quantity.MeasuringUnitsSequence = "80", [code("ml")]
    supply.BillingItemSequence, supply.QuantitySequence = [code("IOHEXOL")], [quantity]
    told = ended(
        ExposureDoseSequence=[exposure],
        ImageAndFluoroscopyAreaDoseProduct="3.5",
        CommentsOnRadiationDose="CTDIvol=12.5 DLP=210.4 mGycm",
        BillingSuppliesAndDevicesSequence=[supply],
    )
    assert set_(line, told, uid).Status == 0x0000
    kept = PerformedStep.objects.get(mpps_uid=uid)
    assert (kept.dose["ctdivol"], kept.dose["dlp"], kept.dose["dap"]) == ([12.5], 210.4, 3.5)
    (used,) = kept.mpps.supplies
    assert (used["code"], used["quantity"], used["unit"]) == ("IOHEXOL", 80, "ml")


def test_what_was_told_can_be_retrieved(dicom: int, line: Association) -> None:
    _, uid = create(line, begun(make_order(at=now()).procedures.get()))
    retrieving = associate(dicom, MPPS_GET)
    status, told = retrieving.send_n_get([0x00400252, 0x00400253], MPPS_GET, uid)
    missing, _ = retrieving.send_n_get([], MPPS_GET, generate_uid())
    retrieving.release()
    assert (status.Status, told.PerformedProcedureStepStatus, told.PerformedProcedureStepID) == (
        0x0000,
        "IN PROGRESS",
        "PPS1",
    )
    assert missing.Status == 0x0112


def test_no_patient_of_a_broken_mpps_is_named_in_the_logs(
    line: Association, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", logger="interfaces")
    told = begun(make_order(at=now()).procedures.get(), PatientName="ZZCANARY^X", PatientID="ZZCANARY" * 20)
    told.PatientBirthDate = "19999999"
    create(line, told)
    told.PerformedProcedureStepID = "ZZCANARY" * 9
    create(line, told)
    assert "ZZCANARY" not in caplog.text + "".join(capfd.readouterr())
