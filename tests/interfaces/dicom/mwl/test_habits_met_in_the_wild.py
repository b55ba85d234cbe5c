from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from ris.orders.intents import Code, ProcedureIntent, StepIntent
from tests.factories import NOON, DeviceFactory, make_order
from tests.interfaces.dicom.asking import ask, found
from tests.interfaces.dicom.scu import query

pytestmark = pytest.mark.django_db


def test_no_station_in_the_query_gives_everyones_list() -> None:
    DeviceFactory(ae_title="CT2")
    first = make_order()
    second = make_order(
        procedures=(ProcedureIntent(code=Code("CTHEADWO"), steps=(StepIntent(start=NOON, station_aes=("CT2",)),)),)
    )
    assert found(query()) == [first.accession, second.accession]


@pytest.mark.parametrize("star", ["*", " * ", "**"])
@pytest.mark.parametrize("element", [2, 3], ids=["date", "time"])
def test_a_star_in_a_date_or_time_matches_everything(star: str, element: int) -> None:
    order = make_order()
    raw = query()
    from pynetdicom.dsutils import encode

    plain = encode(raw, True, True)
    assert plain
    empty = bytes((0x40, 0, element, 0, 0, 0, 0, 0))
    padded = star.encode() + b" " * (len(star) % 2)
    longer = bytearray(plain.replace(empty, empty[:4] + len(padded).to_bytes(4, "little") + padded))
    at = longer.index(bytes.fromhex("40000001"))
    for offset in (at + 4, at + 12):  # the lengths of the sequence and of its item grow with it
        grown = int.from_bytes(longer[offset : offset + 4], "little") + len(padded)
        longer[offset : offset + 4] = grown.to_bytes(4, "little")
    _, (entry,), _ = ask(bytes(longer))
    assert entry.AccessionNumber == order.accession


def test_a_date_may_carry_a_time() -> None:
    order = make_order()
    assert found(query(step__ScheduledProcedureStepStartDate="20260310120000")) == [order.accession]


def test_keys_at_the_root_are_lifted_into_the_item() -> None:
    order = make_order()
    asked = Dataset()
    asked.QueryRetrieveLevel = "PATIENT"
    asked.AccessionNumber = ""
    asked.Modality = "CT"
    asked.ScheduledStationAETitle = "CT1"
    asked.ScheduledProcedureStepStartDate = "20260310"

    statuses, (entry,), outcome = ask(asked)

    assert (statuses, entry.AccessionNumber) == ([0xFF00, 0x0000], order.accession)
    assert entry.ScheduledProcedureStepSequence[0].Modality == "CT"
    assert "Modality" not in entry
    assert "QueryRetrieveLevel" not in entry
    assert {"step keys at the root", "query/retrieve level"} <= outcome.notes
    asked.Modality = "MR"
    assert found(asked) == []


@pytest.mark.parametrize("items", [[], [Dataset()]], ids=["no item", "an empty item"])
def test_an_empty_step_sequence_asks_for_all_of_it(items: list[Dataset]) -> None:
    order = make_order()
    asked = query()
    asked.ScheduledProcedureStepSequence = items
    _, (entry,), _ = ask(asked)
    item = entry.ScheduledProcedureStepSequence[0]
    assert item.ScheduledProcedureStepID == order.procedures.get().steps.get().number
    assert item.ScheduledStationAETitle == "CT1"


def test_two_items_in_the_step_sequence_are_no_worklist_query() -> None:
    asked = query()
    asked.ScheduledProcedureStepSequence.append(Dataset())
    assert ask(asked)[0] == [0xA900]


def test_an_empty_code_sequence_is_returned_without_a_hollow_item() -> None:
    make_order()
    asked = query(step__ScheduledProtocolCodeSequence=[])
    _, (entry,), _ = ask(asked)
    assert len(entry.ScheduledProcedureStepSequence[0].ScheduledProtocolCodeSequence) == 0


def test_what_a_ge_brivo_insists_on_is_never_empty() -> None:
    make_order()
    _, (entry,), _ = ask(query())
    item = entry.ScheduledProcedureStepSequence[0]
    for value in (
        entry.PatientName,
        entry.PatientID,
        entry.StudyInstanceUID,
        item.ScheduledStationAETitle,
        item.ScheduledProcedureStepStartDate,
    ):
        assert value


def test_trailing_blanks_in_ae_titles_do_not_count() -> None:
    order = make_order()
    assert found(query(step__ScheduledStationAETitle="CT1     ")) == [order.accession]


@pytest.mark.parametrize("term", ["ISO_IR_100", "ISO-IR 100", "iso_ir 100", "ISO IR 100"])
def test_a_misspelt_character_set_is_understood(term: str) -> None:
    from ris.patients.matching import search_name
    from tests.factories import PatientFactory

    name = search_name("Zzmüller", "Alpha", "")
    order = make_order(patient=PatientFactory(family_name="Zzmüller", search_name=name))
    asked = query(PatientName=b"ZZM\xfcLLER*")
    asked.add_new(0x00080005, "CS", term)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found(asked) == [order.accession]


def test_private_and_group_length_keys_are_passed_over() -> None:
    order = make_order()
    asked = query()
    asked.add_new(Tag(0x0009, 0x0010), "LO", "ZZVENDOR")
    asked.add_new(Tag(0x0009, 0x1001), "LO", "secret")
    asked.add_new(Tag(0x0008, 0x0000), "UL", 12)
    statuses, (entry,), outcome = ask(asked)
    assert (statuses, entry.AccessionNumber) == ([0xFF00, 0x0000], order.accession)
    assert not [element for element in entry if element.tag.is_private or element.tag.element == 0]
    assert "private or group length keys" in outcome.notes


def test_several_station_titles_match_any() -> None:
    order = make_order()
    assert found(query(step__ScheduledStationAETitle=["CT7", "CT1"])) == [order.accession]


def test_values_are_cut_by_characters_to_their_vr_and_noted() -> None:
    long = "ä" * 70
    order = make_order(reason=long, placer_number="P" * 20, placer_authority="EMR")
    step = StepIntent(start=NOON, station_aes=("CT1",), location="Room in the third building")
    make_order(procedures=(ProcedureIntent(code=Code("CTHEADWO", system="L"), steps=(step,)),), accession="WITHROOM")
    _, (roomy,), said = ask(query(AccessionNumber="WITHROOM", step__ScheduledProcedureStepLocation=""))
    assert roomy.ScheduledProcedureStepSequence[0].ScheduledProcedureStepLocation == "Room in the thir"  # SH 16
    assert "cut (0040,0011)" in said.notes
    asked = query(ReasonForTheRequestedProcedure="", PlacerOrderNumberImagingServiceRequest="")
    asked.AccessionNumber = order.accession
    _, (entry,), outcome = ask(asked)
    assert entry.ReasonForTheRequestedProcedure == "ä" * 64
    assert entry.PlacerOrderNumberImagingServiceRequest == "P" * 20
    assert "cut (0040,1002)" in outcome.notes


def test_a_key_we_do_not_know_is_returned_empty_with_a_warning_status() -> None:
    make_order()
    statuses, (entry,), outcome = ask(query(ContrastBolusAgent="", step__BodyPartExamined=""))
    assert statuses == [0xFF01, 0x0000]
    assert entry.ContrastBolusAgent in ("", None)
    assert entry.ScheduledProcedureStepSequence[0].BodyPartExamined in ("", None)
    assert "not matched (0018,0010)" in outcome.notes


def test_a_value_we_do_not_match_on_is_a_warning_and_hides_nothing() -> None:
    order = make_order()
    statuses, (entry,), _ = ask(query(PatientWeight="80"))
    assert (statuses[0], entry.AccessionNumber) == (0xFF01, order.accession)


def test_the_answer_holds_only_what_was_asked() -> None:
    make_order()
    asked = Dataset()
    asked.PatientID = ""
    _, (entry,), _ = ask(asked)
    assert [element.keyword for element in entry] == ["PatientID"]


def test_text_cannot_break_out_of_its_value() -> None:
    make_order(reason="left\\right\x1b$B\r\nnext")
    _, (entry,), _ = ask(query(ReasonForTheRequestedProcedure=""))
    assert entry.ReasonForTheRequestedProcedure == "left/right $B  next"


@pytest.mark.parametrize("junk", [b"", b"\x08", b"\xff" * 40, bytes(range(200)), b"\x40\x00\x00\x01\xff\xff\xff\xff"])
def test_an_identifier_that_cannot_be_read_is_answered(junk: bytes) -> None:
    make_order()
    statuses = ask(junk)[0]
    assert statuses[-1] in (0x0000, 0xA900)
