"""Each field that the standards name reaches the order, the patient or the visit, wherever a sender puts it."""

from __future__ import annotations

import pytest

from interfaces.hl7.v2.encoding import CODECS
from ris.orders.models import Order, ScheduledStep
from ris.patients.models import Patient, Visit
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def place(*segments: str, kind: str = "ORM^O01", version: str = "2.3.1", charset: str = "") -> Order:
    row = take(message(msh(kind, version=version, charset=charset), *segments))
    assert row.answer_code == "AA", row.reason
    return Order.objects.get()


def test_what_obr_says_of_an_order():
    placed = place(
        pid(),
        "ORC|NW|P1^EMR",
        obr(fields={
            12: "MRSA^Carrier", 13: "On warfarin", 16: "DR7^ZZDOC^OTTO", 18: "ACC9", 19: "RP1", 20: "SPS1", 24: "CT",
            27: "^^^20260310150000^^S", 30: "WALK", 31: "^Fall~^Headache", 34: "DR8&ZZREADER&RITA",
            4: "CTHEADWO^CT head^L^PROT1^Protocol^L",
        }),
    )  # fmt: skip
    procedure, step = placed.procedures.get(), ScheduledStep.objects.get()
    assert (placed.patient_state, placed.clinical_info, placed.transport) == ("Carrier", "On warfarin", "WALK")
    assert (placed.ordering_provider, placed.ordering_provider_id) == ("ZZDOC^OTTO", "DR7")
    assert (placed.accession, placed.priority, placed.reason) == ("ACC9", "STAT", "Fall\nHeadache")
    assert (procedure.number, procedure.modality, step.number, step.protocol_code) == ("RP1", "CT", "SPS1", "PROT1")
    assert (step.start.hour, step.performing_physician) == (20, "ZZREADER^RITA")


def test_what_ipc_says_of_a_step():
    place(
        pid(), "ORC|NW|P1^EMR", "OBR|1|P1^EMR||CTHEADWO^CT head^L",
        "IPC|ACC1|RP1|1.2.3|SPS1|CT|PRC^Protocol^L|ROOM_A~ROOM_B|H2^Hall 2|CT1~CT9", kind="OMI^O23", version="2.5.1",
    )  # fmt: skip
    step = ScheduledStep.objects.get()
    assert (step.number, step.modality, step.protocol_code, step.location) == ("SPS1", "CT", "PRC", "Hall 2")
    assert (step.station_names, step.station_aes) == (["ROOM_A", "ROOM_B"], ["CT1", "CT9"])


@pytest.mark.parametrize(
    "more",
    [["ZDS|1.2.840.5^^Application^DICOM"], ["OBX|1|HD|110180^Study Instance UID^DCM||1.2.840.5"],
     ["OBX|1|HD|113014^DICOM Study^DCM||1.2.840.5"], ["IPC|ACC1|RP1|1.2.840.5|SPS1|CT"]],
)  # fmt: skip
def test_the_study_uid_may_come_in_four_places(more):
    assert place(pid(), orc(), obr(), *more).procedures.get().study_uid == "1.2.840.5"


@pytest.mark.parametrize(
    ("said", "meant"),
    [("S", "STAT"), ("STAT", "STAT"), ("A", "HIGH"), ("P", "HIGH"), ("C", "HIGH"), ("ASAP", "HIGH"), ("T", "MEDIUM"),
     ("R", "ROUTINE"), ("NORM", "ROUTINE"), ("", "ROUTINE")],
)  # fmt: skip
def test_priorities_as_they_are_met(said, meant):
    assert place(pid(), orc(timing=f"^^^^^{said}"), obr()).priority == meant


def test_the_priority_of_tq1_wins_over_that_of_orc():
    placed = place(pid(), orc(timing="^^^^^R"), "TQ1|1||||||20260310140000||S", obr(), kind="OMG^O19", version="2.5.1")
    assert (placed.priority, ScheduledStep.objects.get().start.hour) == ("STAT", 19)


@pytest.mark.parametrize(
    ("said", "kept"), [("F", "F"), ("m", "M"), ("O", "O"), ("A", "O"), ("N", "O"), ("U", ""), ("X", "")]
)
def test_sexes_as_they_are_met(said, kept):
    place(pid(sex=said), orc(), obr())
    assert Patient.objects.get().sex == kept


@pytest.mark.parametrize(("pv1", "number"), [("V19", "V19"), ("", "V18")])
def test_the_visit_number_of_pv1_wins_over_that_of_pid(pv1, number):
    numbered = seg("PID", {3: "T100^^^NORTH^MR", 5: "ZZTEST^ALPHA", 18: "V18^^^NORTH"})
    visit = seg("PV1", {2: "E", 3: "ED^12^1", 8: "D^ZZDOC^RITA", 15: "B6", 19: pv1})
    place(numbered, visit, orc(), obr())
    kept = Visit.objects.get()
    assert (kept.number, kept.patient_class, kept.location) == (number, "E", "ED-12-1")
    assert (kept.referring, kept.pregnant) == ("ZZDOC^RITA", True)


LETTERS = {
    "iso8859_2": "Łódź", "iso8859_3": "Ĥoro", "iso8859_4": "Ēriks", "iso8859_5": "Проба", "iso8859_6": "اختبار",
    "iso8859_7": "ΔΟΚΙΜΗ", "iso8859_8": "בדיקה", "iso8859_9": "Iğdır", "iso8859_15": "Œuvre€", "cp1252": "Müller",
    "latin-1": "Müller", "utf-8": "試験", "gb18030": "测试", "big5": "測試", "euc_kr": "시험", "ascii": "ZZTEST",
}  # fmt: skip


@pytest.mark.parametrize("label", sorted(CODECS))
def test_every_character_set_that_is_read_reads_its_own_letters(label):
    codec = CODECS[label]
    name = next((text for known, text in LETTERS.items() if _same(known, codec)), "ZZTEST")
    raw = message(msh("ADT^A08", charset=label), pid(name=f"{name}^ALPHA")).decode().encode(codec)
    row = take(raw)
    assert row.answer_code == "AA", row.reason
    assert Patient.objects.get().family_name == name


def _same(one: str, other: str) -> bool:
    import codecs

    return codecs.lookup(one).name == codecs.lookup(other).name
