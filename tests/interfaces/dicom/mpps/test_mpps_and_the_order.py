"""Whose exam an MPPS tells of: the patient and the step come first, and what was performed wins."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom.association import Association

from interfaces.dicom.models import Mpps
from interfaces.dicom.mpps.dose import find_dose_doubts, read_dose
from interfaces.dicom.mpps.services import OTHER_PATIENT
from ris.audit.services import Actor
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.kernel.models import Alarm, Record
from ris.kernel.relay import deliver_owed
from ris.orders import states
from ris.orders.models import PerformedStep, RequestedProcedure
from ris.orders.services import note_images
from ris.orders.services.flags import PERFORMED_UNDER_OTHER_STUDY
from ris.patients.models import IdentityQuestion
from ris.patients.services import decide_identity, merge_patients
from ris.people.roles import Role
from tests.factories import TESTER, PatientFactory, SiteFactory, make_order, make_user
from tests.interfaces.dicom.mpps.test_reporting_exams_by_mpps import begun, code, create, ended, set_, steps_of
from tests.interfaces.dicom.scu import STEP, accessions, findscu, mpps
from worklist.models import ReadingItem


@pytest.fixture
def line(dicom: int) -> Any:
    association = mpps(dicom)
    yield association
    association.release()


@pytest.fixture
def technologist(dicom: int) -> Client:
    client = Client()
    client.force_login(make_user("zz-tech", Role.TECHNOLOGIST, Role.SCHEDULER, sites=(SiteFactory(),)))
    return client


def requested(**said: Any) -> RequestedProcedure:
    return make_order(at=now(), **said).procedures.get()


@pytest.mark.parametrize("policy", [Site.APPLY, Site.HOLD])
def test_another_birth_date_is_linked_or_held_as_the_site_says_and_a_person_is_asked(
    dicom: int, line: Association, policy: str
) -> None:
    procedure = requested()
    Site.objects.update(identity_unsure=policy)
    status, uid = create(line, begun(procedure, PatientBirthDate="19010203"))
    assert (status, set_(line, ended(), uid).Status) == (0x0000, 0x0000)
    deliver_owed(at=now())
    held = policy == Site.HOLD
    assert steps_of(procedure) == [states.SCHEDULED if held else states.COMPLETED]
    question = IdentityQuestion.objects.get()
    assert (question.held, question.differing, question.said["birth_date"]) == (held, ["birth date"], "1901-02-03")
    decide_identity(question.pk, same=True, reason="Looked at the card.", actor=Actor.job("test"), at=now())
    for _ in range(3):
        deliver_owed(at=now())
    assert steps_of(procedure) == [states.COMPLETED], "who is recognised has been examined"
    assert ReadingItem.objects.get().procedure == procedure
    assert not Alarm.objects.filter(kind=OTHER_PATIENT, cleared_at=None).exists()


def test_an_exam_that_a_person_says_is_another_patients_stays_an_exception(dicom: int, line: Association) -> None:
    procedure = requested()
    _, uid = create(line, begun(procedure, PatientName="ZZOTHER^BETA"))
    set_(line, ended(), uid)
    question = IdentityQuestion.objects.get()
    decide_identity(question.pk, same=False, reason="The next in the row.", actor=Actor.job("test"), at=now())
    for _ in range(3):
        deliver_owed(at=now())
    assert steps_of(procedure) == [states.SCHEDULED]
    assert not ReadingItem.objects.exists()


@pytest.mark.parametrize(
    "said",
    [{"PatientID": "ZZ999"}, {"PatientName": "ZZOTHER^BETA"}, {"PatientName": "ZZOTHER^ALPHA", "PatientSex": "M"}],
    ids=["number", "name", "family name"],
)
def test_an_exam_of_another_patient_is_accepted_and_waits_for_a_person(
    dicom: int, line: Association, technologist: Client, said: dict[str, str]
) -> None:
    procedure = requested()
    accession = procedure.order.accession
    status, uid = create(line, begun(procedure, **said))
    assert (status, set_(line, ended(), uid).Status) == (0x0000, 0x0000), "a scanner is never stopped"
    deliver_owed(at=now())
    assert steps_of(procedure) == [states.SCHEDULED]
    assert accessions(findscu(dicom, STEP + "ScheduledStationAETitle=CT1")) == [accession]
    assert not ReadingItem.objects.exists(), "nobody reads it under the wrong patient"
    assert Alarm.objects.get(kind=OTHER_PATIENT, cleared_at=None).subject == f"CT1 {accession}"

    exam = PerformedStep.objects.get(mpps_uid=uid)
    assert f"order {accession} not linked" in technologist.get(reverse("dicom:exceptions")).content.decode()
    page = technologist.get(reverse("dicom:exam", args=[exam.pk])).content.decode()
    assert f"order {accession} not linked" in page, "and why"
    step = procedure.steps.get()
    assert f'name="step" value="{step.pk}"' in page, "suggested all the same, since it may have been mistyped"
    technologist.post(reverse("dicom:link", args=[exam.pk]), {"step": step.pk})
    deliver_owed(at=now())
    assert steps_of(procedure) == [states.COMPLETED] and ReadingItem.objects.get().procedure == procedure
    assert not Alarm.objects.filter(kind=OTHER_PATIENT, cleared_at=None).exists()


def test_a_number_that_was_given_up_in_a_merge_is_still_the_patients(line: Association) -> None:
    kept, retired = PatientFactory(number="ZZ1"), PatientFactory(number="ZZ2")
    procedure = requested(patient=retired)
    told = begun(procedure)
    merge_patients(kept.pk, retired.pk, actor=TESTER, at=now())  # no relay runs: the order has not moved yet
    for number in ("ZZ2", "zz1 ", "00ZZ1"):
        told.PatientID, told.PatientName = number, f"{kept.family_name}^ALPHA"
        _, uid = create(line, told)
        exam = PerformedStep.objects.get(mpps_uid=uid)
        assert exam.steps.exists(), (number, exam.mpps.violations)


def test_a_name_that_the_device_cut_is_the_same_name(line: Association) -> None:
    procedure = requested(patient=PatientFactory(family_name="Zztestlongername"))
    create(line, begun(procedure, PatientName="ZZTESTLONG^A"))
    assert steps_of(procedure) == [states.STARTED]


def test_the_second_step_of_a_group_is_found_under_the_first_ones_study(line: Association) -> None:
    patient = PatientFactory()
    first, second = requested(patient=patient), requested(patient=patient)
    group = begun(first)
    item = begun(second).ScheduledStepAttributesSequence[0]
    item.StudyInstanceUID = first.study_uid
    group.ScheduledStepAttributesSequence.append(item)
    _, uid = create(line, group)
    set_(line, ended(), uid)
    deliver_owed(at=now())
    assert steps_of(first) == steps_of(second) == [states.COMPLETED]
    assert ReadingItem.objects.filter(procedure__in=[first, second]).count() == 2, "both are read"
    second.refresh_from_db()
    assert second.image_study_uid == first.study_uid, "that is where its images are"
    note_images(first.study_uid, instances=1, complete=True, actor=TESTER, at=now())
    arrived = Record.objects.filter(kind="StudyArrived").values_list("body__procedure_id", flat=True)
    assert sorted(arrived) == [first.pk, second.pk]


def test_a_second_accession_without_a_step_id_is_not_taken_for_the_first(line: Association) -> None:
    patient = PatientFactory()
    first, second = requested(patient=patient), requested(patient=patient)
    group = begun(first)
    item = begun(second).ScheduledStepAttributesSequence[0]
    item.StudyInstanceUID, item.ScheduledProcedureStepID, item.RequestedProcedureID = first.study_uid, "", ""
    group.ScheduledStepAttributesSequence.append(item)
    create(line, group)
    assert steps_of(first) == steps_of(second) == [states.STARTED]


def test_a_longer_accession_number_is_not_cut_to_another_orders(line: Association) -> None:
    procedure = requested(accession="ZZ-2026-00000000")
    told = begun(procedure)
    (item,) = told.ScheduledStepAttributesSequence
    item.StudyInstanceUID, item.AccessionNumber = generate_uid(), "ZZ-2026-0000000042"
    item.ScheduledProcedureStepID = item.RequestedProcedureID = ""
    status, uid = create(line, told)
    assert status == 0x0000
    assert steps_of(procedure) == [states.SCHEDULED]
    assert not PerformedStep.objects.get(mpps_uid=uid).steps.exists()


def test_what_was_performed_wins_over_the_ordered_study(line: Association) -> None:
    procedure = requested()
    ordered, own = procedure.study_uid, generate_uid()
    note_images(own, instances=1, complete=False, actor=TESTER, at=now())  # images may come before the MPPS
    told = begun(procedure)
    told.ScheduledStepAttributesSequence[0].StudyInstanceUID = own
    _, uid = create(line, told)
    set_(line, ended(), uid)
    procedure.refresh_from_db()
    assert (procedure.study_uid, steps_of(procedure)) == (own, [states.COMPLETED])
    assert own != ordered and procedure.study.instances == 1
    assert procedure.order.reread().flags == [PERFORMED_UNDER_OTHER_STUDY]
    assert Record.objects.filter(kind="OrderRevised").exists(), "the archive is told"


def test_an_exam_appended_under_a_second_study_leaves_the_first_in_place(line: Association) -> None:
    procedure = requested()
    _, first = create(line, begun(procedure))
    set_(line, ended(), first)
    more = begun(procedure)
    more.ScheduledStepAttributesSequence[0].StudyInstanceUID = generate_uid()
    create(line, more)
    procedure.refresh_from_db()
    assert procedure.image_study_uid == PerformedStep.objects.get(mpps_uid=first).study_uid
    assert PERFORMED_UNDER_OTHER_STUDY in procedure.order.reread().flags


def test_images_made_under_the_wrong_entry_are_left_behind(line: Association) -> None:
    procedure = requested()
    told = begun(procedure)
    told.ScheduledStepAttributesSequence[0].StudyInstanceUID = strange = generate_uid()
    _, uid = create(line, told)
    wrong = ended("DISCONTINUED", PerformedProcedureStepDiscontinuationReasonCodeSequence=[code("110514")])
    set_(line, wrong, uid)
    procedure.refresh_from_db()
    assert steps_of(procedure) == [states.SCHEDULED] and procedure.study_uid != strange
    assert procedure.order.reread().flags == []


def test_an_exam_that_was_complete_is_resumed(line: Association) -> None:
    procedure = requested()
    _, first = create(line, begun(procedure))
    set_(line, ended(), first)
    _, second = create(line, begun(procedure))
    assert steps_of(procedure) == [states.STARTED], "the board shows that it goes on"
    kinds = list(Record.objects.filter(stream=procedure.order.accession).order_by("pk").values_list("kind", flat=True))
    assert kinds[-1] == "ExamResumed"
    set_(line, ended("DISCONTINUED"), second)
    assert steps_of(procedure) == [states.COMPLETED], "what was done stays done"


def test_device_titles_padded_with_nul_are_read_as_the_worklist_reads_them(line: Association) -> None:
    procedure = requested()
    told = begun(procedure, PerformedStationAETitle="CT1\0\0")
    told.ScheduledStepAttributesSequence[0].AccessionNumber = procedure.order.accession + "\0"
    status, uid = create(line, told)
    exam = PerformedStep.objects.get(mpps_uid=uid)
    assert (status, exam.station_ae, exam.device.ae_title) == (0x0000, "CT1", "CT1")


def test_all_protocols_that_were_performed_are_kept_and_shown(line: Association, technologist: Client) -> None:
    procedure = requested()
    _, uid = create(line, begun(procedure))
    protocols = [code("ZZHEAD"), code("ZZNECK")]
    set_(line, ended(PerformedProtocolCodeSequence=protocols), uid)
    exam = PerformedStep.objects.get(mpps_uid=uid)
    assert [protocol[0] for protocol in exam.protocol_codes] == ["ZZHEAD", "ZZNECK"]
    shown = technologist.get(reverse("orders:detail", args=[procedure.order_id])).content.decode()
    assert "ZZHEAD" in shown and "ZZNECK" in shown


def test_a_dose_that_was_read_from_words_says_so(line: Association, technologist: Client) -> None:
    procedure = requested()
    _, uid = create(line, begun(procedure))
    set_(line, ended(CommentsOnRadiationDose="DLP 312,5 DLP 500,0 Total 812.5"), uid)
    assert Mpps.objects.get(uid=uid).violations == ["DLP read from the comment"]
    assert PerformedStep.objects.get(mpps_uid=uid).dose["dlp"] == 812.5
    shown = technologist.get(reverse("orders:detail", args=[procedure.order_id])).content.decode()
    assert "812.5" in shown and "read from the comment" in shown


@pytest.mark.parametrize(
    ("comment", "dlp"),
    [
        ("DLP 312,5", 312.5),
        ("DLP=210.4 mGycm", 210.4),
        ("CTDIvol=12.5 DLP=210.4 mGycm", 210.4),
        ("DLP (mGy*cm): 210", 210.0),
        ("Total DLP: 1.234,5 mGy*cm", 1234.5),
        ("TOTAL DLP 1,234.5", 1234.5),
        ("DLP total 640", 640.0),
        ("DLP 312,5; DLP 500; Total 812.5 mGycm", 812.5),
        ("DLP 300 DLP 300", 300.0),
        ("Total 812 mAs, DLP 300", 300.0),
        ("DLP 312,5 DLP 500", None),
        ("DLP 1,234", None),
        ("DLP see report", None),
        ("no dose", None),
        ("", None),
    ],
)
def test_a_comment_is_read_only_where_it_is_clear(comment: str, dlp: float | None) -> None:
    told = Dataset()
    told.CommentsOnRadiationDose = comment
    dose = read_dose(told)
    assert dose.get("dlp") == dlp
    assert bool(find_dose_doubts(dose)) is ("DLP" in comment), "never silently"


def test_a_coded_dose_wins_over_the_comment() -> None:
    measured, told = Dataset(), Dataset()
    measured.ConceptNameCodeSequence, measured.NumericValue = [code("113813")], "640.5"
    series = Dataset()
    series.ContentSequence = [measured]
    told.CommentsOnRadiationDose, told.PerformedSeriesSequence = "DLP 312", [series]
    dose = read_dose(told)
    assert (dose["dlp"], dose["dlp_from"], find_dose_doubts(dose)) == (640.5, "code", [])
