"""A code that nobody knows, without OBR-24: its text may name the modality, and the scanner sees the step."""

from __future__ import annotations

import pytest

from interfaces.hl7.inbound.orders.intents import modality_in
from interfaces.hl7.models import Peer
from ris.catalog.models import Device
from ris.orders.models import Order, ScheduledStep
from tests.interfaces.dicom.asking import ask
from tests.interfaces.dicom.scu import query
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, orc, pid, take

pytestmark = pytest.mark.django_db
FLAGS = ["unknown procedure", "modality read from the text"]


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def place(text: str, placer: str = "P1") -> Order:
    row = take(
        message(msh("ORM^O01"), pid(), orc(placer=placer), obr(placer, code=f"ZZ99^{text}^99Z", fields={24: ""}))
    )
    assert row.answer_code == "AA", row.reason
    return Order.objects.get(placer_number=placer)


def test_the_scanner_sees_the_step_and_a_person_is_told():
    order = place("CT ABDOMEN W CONTRAST")
    assert order.flags == FLAGS
    assert ScheduledStep.objects.get().device.ae_title == "CT1"
    _, (entry,), _ = ask(query(step__Modality="CT"), at=NOON)
    assert entry.AccessionNumber == order.accession


def test_plain_radiography_is_of_the_kind_of_device_that_the_site_has(hospital):
    Device.objects.create(site=hospital, ae_title="ZZCR", name="ZZ CR", modality="CR", room="CR")
    place("X-RAY CHEST 2 VIEWS")
    assert ScheduledStep.objects.get().device.ae_title == "ZZCR"


def change(code: str) -> Order:
    row = take(message(msh("ORM^O01"), pid(), orc("XO"), obr(code=code, fields={24: ""})))
    assert row.answer_code == "AA", row.reason
    return Order.objects.get()


def test_a_change_to_another_exam_moves_the_step_to_the_scanner_of_its_modality():
    place("CT ABDOMEN W CONTRAST")
    assert change("ZZ98^MRI ABDOMEN^99Z").flags == FLAGS
    assert ask(query(step__Modality="CT"), at=NOON)[1] == []
    (entry,) = ask(query(step__Modality="MR"), at=NOON)[1]
    step = entry.ScheduledProcedureStepSequence[0]
    assert (step.ScheduledStationAETitle, step.ScheduledProcedureStepDescription) == ("MR1", "MRI ABDOMEN")
    known = change("CTHEADWO^CT head without contrast^L")
    assert known.flags == []
    assert ScheduledStep.objects.get().device.ae_title == "CT1"


def test_two_words_that_disagree_are_none():
    assert place("CT OR MRI OF THE HEAD").flags == ["unknown procedure", "unknown modality"]
    assert ScheduledStep.objects.get().modality == "OT"


def test_a_sender_may_be_set_not_to_be_read_so():
    place("CT HEAD")
    Peer.objects.update(unknown_modality="none")
    assert place("CT HEAD", "P2").flags == ["unknown procedure", "unknown modality"]


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("MRI knee left", "MR"), ("MR KNEE", "MR"), ("US abdomen", "US"), ("Ultrasound, abdomen", "US"),
        ("XR CHEST", "DX"), ("X-ray chest", "DX"), ("CR CHEST", "CR"), ("DX CHEST", "DX"), ("Mammo screening", "MG"),
        ("MG bilateral", "MG"), ("NM bone scan", "NM"), ("PET whole body", "PT"), ("PET/CT whole body", "PT"),
        ("XR CHEST (CR)", "DX"), ("Chest X-ray 2 views", "DX"), ("BRAIN MRI", "MR"), ("MRI OR ULTRASOUND", ""),
        ("Chest CT", ""), ("CTABD", ""), ("US guided, CT planned", ""), ("", ""), ("MRSA", ""),
    ],
)  # fmt: skip
def test_which_texts_name_a_modality(text, modality):
    assert modality_in([text]) == modality
    assert modality_in(["something else", text]) == modality
