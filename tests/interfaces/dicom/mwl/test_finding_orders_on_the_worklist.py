from __future__ import annotations

import subprocess
import warnings
from datetime import timedelta

import pytest
from pynetdicom.sop_class import ModalityWorklistInformationFind

from ris.kernel.clock import now
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.orders.services import cancel_order
from tests.factories import TESTER, make_order
from tests.interfaces.dicom.scu import STEP, accessions, associate, find, findscu, query


def test_a_placed_order_is_on_its_scanners_list(dicom: int) -> None:
    order = make_order(at=now())
    procedure = order.procedures.get()
    step = procedure.steps.get()

    (entry,) = findscu(dicom, STEP + "ScheduledStationAETitle=CT1")

    assert entry.AccessionNumber == order.accession
    assert entry.PatientName.family_name == order.patient.family_name
    assert entry.PatientID == order.patient.identifiers.get().value
    assert entry.StudyInstanceUID == procedure.study_uid
    item = entry.ScheduledProcedureStepSequence[0]
    assert item.ScheduledProcedureStepID == step.number
    assert item.ScheduledStationAETitle == "CT1"
    assert item.Modality == "CT"


def test_the_next_query_sees_what_was_committed_before_it(dicom: int) -> None:
    for _ in range(3):
        order = make_order(at=now())
        assert order.accession in accessions(findscu(dicom, STEP + "ScheduledStationAETitle=CT1"))
    cancel_order(order.pk, reason="ordered twice", actor=TESTER, at=now())
    assert order.accession not in accessions(findscu(dicom, STEP + "ScheduledStationAETitle=CT1"))


def test_echo_is_answered(dicom: int) -> None:
    done = subprocess.run(["echoscu", "-aec", "RIS", "127.0.0.1", str(dicom)], capture_output=True, timeout=20)
    assert done.returncode == 0


def test_no_match_is_a_bare_success(dicom: int) -> None:
    make_order(at=now())
    assert find(dicom, query(AccessionNumber="NOSUCH")) == [(0x0000, None)]


def test_a_list_of_a_thousand_lines_arrives_whole(dicom: int) -> None:
    from tests.interfaces.dicom.many import many_steps

    many_steps(1000, at=now())
    answers = find(dicom, query(step__ScheduledStationAETitle="CT1"))
    assert [status for status, _ in answers] == [0xFF00] * 1000 + [0x0000]
    assert len({identifier.AccessionNumber for _, identifier in answers[:-1]}) == 1000


@pytest.mark.parametrize("together", [False, True], ids=["worklist alone", "worklist and MPPS"])
def test_both_engines_answer_alike(dicom: int, together: bool) -> None:
    from pynetdicom.sop_class import ModalityPerformedProcedureStep, ModalityWorklistInformationFind

    first, second = make_order(at=now()), make_order(at=now() + timedelta(minutes=5))
    contexts = (ModalityWorklistInformationFind, *([ModalityPerformedProcedureStep] if together else []))

    answers = find(dicom, query(step__Modality="CT"), sop_classes=contexts)

    assert [status for status, _ in answers] == [0xFF00, 0xFF00, 0x0000]
    assert [identifier.AccessionNumber for _, identifier in answers[:2]] == [first.accession, second.accession]


@pytest.mark.parametrize(
    "key", ["RequestingPhysician", "ReferringPhysicianName", "step__ScheduledPerformingPhysicianName"]
)
def test_a_hostile_pattern_is_answered_like_any_other(dicom: int, key: str) -> None:
    provider = "ZZORDER^" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2
    step = StepIntent(start=now(), performing_physician=provider)
    procedure = ProcedureIntent(code=Code("CTHEADWO", system="L"), steps=(step,))
    order = make_order(at=now(), ordering_provider=provider, procedures=(procedure,))

    assert find(dicom, query(**{key: "*?*?*?*?*?*?*?*?*?*QQ"})) == [(0x0000, None)]
    (_, entry), (status, _) = find(dicom, query(**{key: "*?*?*?*?*?*?*?*?*?*YZ"}))
    assert (entry.AccessionNumber, status) == (order.accession, 0x0000)


def test_a_value_longer_than_any_key_is_refused_by_its_tag(dicom: int) -> None:
    association = associate(dicom)
    with warnings.catch_warnings(action="ignore"):
        asked = query(RequestingPhysician="*?" * 1000)
        ((status, identifier),) = association.send_c_find(asked, ModalityWorklistInformationFind)
    association.release()
    assert (status.Status, identifier) == (0xA900, None)
    assert status.ErrorComment == "(0032,1032) has over 1024 characters: shorten it."
