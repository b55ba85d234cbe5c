"""What a sender orders is what the scanner's list, the case and the answer show: nothing merged, nothing lost."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.models import Peer
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.orders.mwl.query import find_worklist_rows
from ris.orders.mwl.question import MwlQuestion
from ris.orders.mwl.rows import parse_row
from ris.people.roles import Role
from tests.factories import DeviceFactory, ProcedureFactory, make_user
from tests.interfaces.hl7.hl7 import answer, message, msh, obr, orc, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    ProcedureFactory(code="XRKNEE3", name="Knee three views", modality="DX", cpt="73562", body_region="KNEE")
    ProcedureFactory(code="CTHEADW", name="CT head with contrast", cpt="70460")
    DeviceFactory(site=hospital, ae_title="DX1", modality="DX")
    return hospital


@pytest.fixture
def peer() -> Peer:
    return Peer.objects.create(application="EMR", facility="NORTH", name="EMR")


def worklist() -> list[str]:
    """What scanners are told to do (C-FIND without any key), by procedure code."""
    entries = [parse_row(listed.row) for listed in find_worklist_rows(MwlQuestion()) if listed.row]
    return [entry.code for entry in sorted(entries, key=lambda entry: entry.step_id)]


def procedures() -> list[tuple[str, str]]:
    return list(RequestedProcedure.objects.order_by("pk").values_list("code", "laterality"))


def change(*segments: str, minute: int = 10, control: str = "XO") -> bytes:
    return message(msh("ORM^O01", at=f"2026031012{minute:02d}00"), pid(), orc(control, timing=""), *segments)


KNEES = [
    orc(),
    obr(code="XRKNEE3^Knee^L", fields={15: "LEFT"}),
    orc(),
    obr(code="XRKNEE3^Knee^L", fields={15: "RIGHT"}),
]


def test_each_obr_under_one_number_is_its_own_procedure_without_obr_19():
    three = [obr(), obr(code="XRKNEE3^Knee^L", fields={24: "DX"}), obr(code="CTHEADW^CT head with^L")]
    take(message(msh("ORM^O01"), pid(), orc(), *three))
    assert procedures() == [("CTHEADWO", ""), ("XRKNEE3", ""), ("CTHEADW", "")]
    assert worklist() == ["CTHEADWO", "XRKNEE3", "CTHEADW"]
    assert len({step.number for step in ScheduledStep.objects.all()}) == 3


def test_the_left_and_the_right_knee_are_two_also_when_they_are_said_again():
    take(message(msh("ORM^O01"), pid(), *KNEES))
    assert procedures() == [("XRKNEE3", "L"), ("XRKNEE3", "R")]
    take(message(msh("ORM^O01", at="20260310120500"), pid(), *[s.replace("ORC|NW", "ORC|XO") for s in KNEES]))
    assert procedures() == [("XRKNEE3", "L"), ("XRKNEE3", "R")]


def test_the_same_exam_twice_without_a_side_is_two_exams():
    take(message(msh("ORM^O01"), pid(), orc(), obr(), obr()))
    assert worklist() == ["CTHEADWO", "CTHEADWO"]


def test_one_of_two_procedures_is_changed_and_the_other_stays():
    take(message(msh("ORM^O01"), pid(), orc(), obr(), obr(code="XRKNEE3^Knee^L", fields={15: "L"})))
    take(change(obr(), obr(code="XRKNEE3^Knee^L", fields={15: "R"})))
    assert procedures() == [("CTHEADWO", ""), ("XRKNEE3", "R")]


def test_what_the_message_itself_says_is_one_is_one():
    same_number = [obr(fields={19: "RP1", 20: "S1"}), obr(fields={19: "RP1", 20: "S2"})]
    take(message(msh("ORM^O01"), pid(), orc(), *same_number))
    assert RequestedProcedure.objects.get().steps.count() == 2


def test_steps_of_one_number_are_one_step_with_all_protocols():
    action = "CTHEADWO^CT head^L^{0}^Action {0}^L"
    same_step = [obr(code=action.format(name), fields={19: "RP1", 20: "S1"}) for name in ("A1", "A2")]
    row = take(message(msh("ORM^O01"), pid(), orc(), same_step[0], orc(), same_step[1]))
    assert row.answer_code == "AA"
    step = ScheduledStep.objects.get()
    assert [code for code, _, _ in step.protocol_codes] == ["A1", "A2"]


def test_a_study_uid_at_the_end_belongs_to_each_exam_before_it():
    take(message(msh("ORM^O01"), pid(), orc(), obr(), orc(), obr(code="CTHEADW^CT^L"), "ZDS|1.2.840.9^^App^DICOM"))
    procedure = RequestedProcedure.objects.get()
    assert procedure.study_uid == "1.2.840.9"
    assert [step.protocol_code for step in procedure.steps.order_by("pk")] == ["", "CTHEADW"]


def test_one_study_uid_for_two_orders_is_refused_by_name():
    two = [orc(placer="P1"), obr("P1"), orc(placer="P2"), obr("P2"), "ZDS|1.2.840.9^^App^DICOM"]
    row = take(message(msh("ORM^O01"), pid(), *two))
    assert (row.answer_code, row.faults[0][1]) == ("AE", "ZDS-1")
    assert not Order.objects.exists()


@pytest.mark.parametrize("code", ["70450^CT HEAD WO CONTRAST^C4", "70450^CT^CPT", "X9^CT^LOCAL^70450^CT^C4"])
def test_a_code_of_another_system_is_looked_up_there(code):
    take(message(msh("ORM^O01"), pid(), orc(), obr(code=code, fields={24: ""})))
    placed = Order.objects.get()
    procedure = placed.procedures.get()
    assert (procedure.procedure.code, procedure.modality, placed.flags) == ("CTHEADWO", "CT", [])
    assert procedure.steps.get().device.ae_title == "CT1"


def test_all_that_came_with_an_order_is_kept():
    row = take(
        message(
            msh("ORM^O01", version="2.5.1"), pid(),
            seg("PV1", {2: "E", 3: "ED^12^1", 8: "D7^ZZREFER^LINDA", 15: "B6"}),
            "ORC|NW|P1^LONGNAME^1.2.3^ISO|UP77^UPRIS|GRP55^EMR||||||||DR1^ZZORDER^OR^^^^^^NPI||^PRN^PH^^^555^1234567",
            obr(fields={
                13: "On warfarin", 17: "555 9", 28: "CC1^ZZCOPY^CARL~CC2^ZZCOPY^DORA",
                31: "S06^Concussion^I10~R51^Ache^I10",
            }),
            "DG1|1||S06.0X0A^Concussion^I10||20260310|A", "DG1|2|I9|850.0||Fall",
            "OBX|1|NM|29463-7^Body weight^LN||80,5|kg", "OBX|2|NM|8302-2^Body height^LN||70|in",
        )
    )  # fmt: skip
    assert row.answer_code == "AA"
    placed = Order.objects.get()
    assert placed.placer_entity == ["P1", "LONGNAME", "1.2.3", "ISO"]
    assert (placed.filler_entity[:2], placed.sender_filler_number) == (["UP77", "UPRIS"], "UP77")
    assert placed.group_entity[:2] == ["GRP55", "EMR"]
    assert (placed.ordering_provider_id, placed.ordering_provider_authority) == ("DR1", "NPI")
    assert placed.call_back_phone == "555 1234567"
    assert placed.copies_to == [["CC1", "ZZCOPY^CARL", ""], ["CC2", "ZZCOPY^DORA", ""]]
    assert placed.reason_codes == [["S06", "Concussion", "I10"], ["R51", "Ache", "I10"]]
    assert placed.diagnoses == [["S06.0X0A", "Concussion", "I10", "A"], ["850.0", "850.0", "I9", ""]]
    assert (placed.weight_kg, placed.height_m) == (80.5, 1.778)
    assert "Body weight: 80,5 kg" in placed.clinical_info
    assert (placed.patient_class, placed.patient_location) == ("E", "ED-12-1")
    assert (placed.referring_provider, placed.pregnant) == ("ZZREFER^LINDA", True)


def test_how_bad_an_allergy_is_and_what_it_does_are_kept():
    take(message(msh("ORM^O01"), pid(), "AL1|1|DA|IODINE^Iodinated contrast|SV|Anaphylaxis~Hives", orc(), obr()))
    assert Order.objects.get().patient.allergies == ["Iodinated contrast (severe, Anaphylaxis, Hives)"]


@pytest.mark.parametrize(
    ("telephone", "phone", "copies"),
    [("^PRN^PH^^^555^1234567", "555 1234567", [["CC1", "ZZCOPY^CARL", ""]]), ("", "", [])],
)
def test_fields_one_further_are_read_only_where_the_telephone_shows_it(telephone, phone, copies):
    further = obr(fields={17: "ORD1^ZZORDER^OR", 18: telephone, 29: "CC1^ZZCOPY^CARL"})
    row = take(message(msh("ORM^O01"), pid(), "ORC|NW|P1^EMR", further))
    placed = Order.objects.get()
    assert (placed.call_back_phone, placed.copies_to) == (phone, copies)
    assert any("OBR-29" in warning for warning in row.warnings)


def test_a_weight_without_a_unit_is_no_weight():
    row = take(message(msh("ORM^O01"), pid(), orc(), obr(), "OBX|1|NM|WT^Weight||80"))
    assert Order.objects.get().weight_kg is None
    assert any("weight" in warning for warning in row.warnings)


def test_a_location_in_obr_34_is_no_physician():
    take(message(msh("ORM^O01"), pid(), orc(), obr(fields={34: "1148010^1A^EAST^X-RAY"})))
    assert ScheduledStep.objects.get().performing_physician == ""


def test_several_protocols_of_a_step_are_all_kept():
    imaging = ["OBR|1|P1^EMR||CTHEADWO^CT head^L", "IPC|A1|RP1|1.2.3|S1|CT|PA^One^L~PB^Two^L"]
    take(message(msh("OMI^O23", version="2.5.1"), pid(), "ORC|NW|P1^EMR", *imaging))
    assert ScheduledStep.objects.get().protocol_codes == [["PA", "One", "L"], ["PB", "Two", "L"]]


def test_ipc_1_wins_over_obr_18_which_may_hold_a_modality():
    imaging = [obr(fields={18: "CR"}), "IPC|ACC20|RP1|1.2.3|S1|CR"]
    take(message(msh("OMI^O23", version="2.5.1"), pid(), "ORC|NW|P1^EMR", *imaging))
    assert Order.objects.get().accession == "ACC20"
    row = take(message(msh("ORM^O01"), pid(), orc(placer="P2"), obr("P2", fields={18: "CR"})))
    assert Order.objects.get(placer_number="P2").accession not in ("CR", "ACC20")
    assert any("OBR-18" in warning for warning in row.warnings)


@pytest.mark.parametrize(("field", "accession"), [("ORC-3", "UP1"), ("ZOR-2.2", "Z9"), ("OBR-20", "S8")])
def test_the_accession_number_is_read_where_the_sender_puts_it(peer, field, accession):
    Peer.objects.update(accession_field=field)
    take(message(msh("ORM^O01"), pid(), "ORC|NW|P1^EMR|UP1", obr(fields={18: "X", 20: "S8"}), "ZOR|1|a^Z9"))
    assert Order.objects.get().accession == accession


def test_an_order_response_sends_the_number_back_as_it_came(peer):
    Peer.objects.update(ack_style="order")
    row = take(message(msh("ORM^O01"), pid(), "ORC|NW|P1^NS^1.2.3^ISO", obr()))
    assert answer(row)[2][:3] == ["ORC", "OK", "P1^NS^1.2.3^ISO"]


def test_who_looks_at_the_order_sees_what_came_with_it():
    came = [obr(fields={28: "CC1^ZZCOPY^CARL", 17: "555 1234567"}), "DG1|1||S06.0^Concussion^I10||20260310|A"]
    take(message(msh("ORM^O01"), pid(), "ORC|NW|P1^EMR||GRP55^EMR", *came, "OBX|1|NM|29463-7^Weight^LN||80|kg"))
    placed = Order.objects.get()
    screen = Client()
    screen.force_login(make_user("tess", Role.TECHNOLOGIST, sites=(placed.site,)))
    shown = screen.get(reverse("orders:detail", args=[placed.pk])).content.decode()
    for text in ("Concussion", "S06.0", "80 kg", "555 1234567", "Zzcopy", "GRP55"):
        assert text.lower() in shown.lower()
