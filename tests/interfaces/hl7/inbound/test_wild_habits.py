"""What senders really send (one fixture for each habit), and how each is taken."""

from __future__ import annotations

import pytest

from ris.orders.models import Order
from ris.patients.models import Patient, Visit
from tests.interfaces.hl7.hl7 import MESSAGES, answer, fixture, message, msh, obr, orc, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


REFUSED = {
    "garbage.hl7": ("AE", "MSH"),
    "empty.hl7": ("AE", "MSH"),
    "header-only.hl7": ("AE", "MSH-9"),
    "latin1-under-utf8.hl7": ("AE", "MSH-18"),
    "unknown-charset.hl7": ("AE", "MSH-18"),
    "two-messages-in-one-frame.hl7": ("AE", "MSH[2]"),
    "batch-of-two.hl7": ("AE", "MSH[2]"),
}


@pytest.mark.parametrize("name", sorted(path.name for path in MESSAGES.glob("*.hl7")))
def test_every_fixture_is_answered_and_kept_as_it_came(name):
    row = take(fixture(name))
    expected, place = REFUSED.get(name, ("AA", ""))
    assert (row.answer_code, row.reason if expected == "AA" else "") == (expected, "")
    assert [fault[1] for fault in row.faults] == ([place] if place else [])
    row.refresh_from_db()
    assert bytes(row.raw) == fixture(name)


SAME = ["plain", "lf", "crlf", "blank-segments", "no-final-cr", "short-msh-2", "truncation-character",
        "other-separators", "evn-in-an-order", "adt-label-on-an-order", "type-with-structure-only",
        "trailing-separators", "lower-case-control", "version-2.1", "version-2.8", "nul-characters",
        "batch-of-one"]  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_habits_of_form_make_no_difference(name):
    take(fixture(f"{name}.hl7"))
    placed = Order.objects.select_related("patient").get()
    assert (placed.patient.family_name, placed.patient.given_name) == ("ZZTEST", "ALPHA")
    assert (placed.placer_number, placed.procedures.get().code) == ("P1", "CTHEADWO")
    assert placed.procedures.get().steps.get().start.hour == 18


NAMES = {
    "bom": "Müller", "utf16-bom": "Müller", "latin1": "Müller", "utf8-under-latin1": "Müller",
    "cp1252-under-latin1": "O\u2019Müller", "unlabelled-utf8": "Müller", "unlabelled-cp1252": "Müller",
    "umlaut-under-ascii": "Müller", "charset-alias": "Müller", "greek": "ΔΟΚΙΜΗ", "cyrillic": "Проба",
    "arabic": "اختبار", "chinese-big5": "測試", "korean": "시험", "hex-escapes": "Müller",
}  # fmt: skip
LIES = {"utf8-under-latin1", "cp1252-under-latin1", "unlabelled-utf8", "unlabelled-cp1252", "umlaut-under-ascii"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_names_are_read_in_the_character_set_they_are_written_in_and_lies_are_told(name):
    row = take(fixture(f"{name}.hl7"))
    assert Patient.objects.get().family_name == NAMES[name]
    assert bool([w for w in row.warnings if "MSH-18" in w]) is (name in LIES)


@pytest.mark.parametrize(("name", "ideographic"), [("chinese", "王^测试"), ("japanese", "山田^太郎")])
def test_ideographic_names_are_kept_beside_the_alphabetic(name, ideographic):
    take(fixture(f"{name}.hl7"))
    patient = Patient.objects.get()
    assert patient.family_name == "ZZTEST"
    assert patient.ideographic_name == ideographic


def test_escapes_are_resolved_and_unknown_ones_kept():
    take(fixture("escapes.hl7"))
    assert Order.objects.get().comments == "1 | 2 ^ 3 & 4 ~ 5 \\ 6\n7 bold \\Zxx\\"


def test_hexadecimal_line_ends_are_line_ends():
    take(fixture("hex-escapes.hl7"))
    assert Order.objects.get().comments == "a\nb"


def test_every_note_is_kept_in_order_wherever_it_stands():
    take(fixture("odd-notes.hl7"))
    assert Order.objects.get().comments == "before the patient\nafter the patient\nafter ORC\nafter OBR"


def test_five_thousand_notes_are_all_kept():
    notes = [f"NTE|{n}||line {n}" for n in range(5000)]
    take(message(msh("ORM^O01"), pid(), orc(), obr(), *notes))
    assert Order.objects.get().comments.count("\n") == 4999


def test_an_ipc_before_the_patient_belongs_to_the_order():
    take(fixture("ipc-before-pid.hl7"))
    placed = Order.objects.get()
    assert (placed.accession, placed.procedures.get().study_uid) == ("ACC1", "1.2.3.4")


def test_z_segments_are_kept_and_the_study_uid_among_them_is_used():
    take(fixture("z-segments.hl7"))
    assert Order.objects.get().procedures.get().study_uid == "1.2.840.77"


def test_base64_with_raw_line_ends_does_not_break_what_follows():
    take(fixture("base64-with-raw-cr.hl7"))
    assert Order.objects.get().comments == "after the PDF"


def test_missing_authorities_are_the_senders_default():
    take(fixture("no-authority.hl7"))
    ids = set(Patient.objects.get().identifiers.values_list("value", "authority"))
    assert ids == {("T100", "NORTH"), ("T200", "STATE")}


def test_an_identifier_in_pid_2_alone_is_taken_with_a_warning():
    row = take(fixture("pid-2-only.hl7"))
    assert Patient.objects.get().identifiers.get().value == "T100"
    assert any("PID-3 is empty" in w for w in row.warnings)


def test_deleted_values_are_emptied():
    take(message(msh("ADT^A08", at="20260310110000"), pid()))
    take(fixture("delete-values.hl7"))
    patient = Patient.objects.get()
    assert (patient.birth_date, patient.sex) == (None, "")


def test_an_offset_in_a_time_wins():
    take(fixture("date-with-offset.hl7"))
    assert Order.objects.get().procedures.get().steps.get().start.isoformat() == "2026-03-10T18:00:00.123000+00:00"


def test_too_long_values_are_cut_with_a_warning_on_every_database():
    row = take(fixture("long-values.hl7"))
    assert row.answer_code == "AA"
    assert len(Patient.objects.get().family_name) == 194
    assert any("PID-5 was cut" in w for w in row.warnings)


def test_hostile_text_stays_text():
    take(fixture("hostile-text.hl7"))
    assert Patient.objects.get().given_name == "<script>alert(1)</script>"


def test_an_unknown_priority_is_warned_about_and_not_said():
    row = take(fixture("unknown-priority.hl7"))
    assert Order.objects.get().priority == "ROUTINE"
    assert any("priority" in w for w in row.warnings)


def test_a_very_long_visit_location_is_cut():
    take(message(msh("ADT^A08"), pid(), seg("PV1", {2: "E", 3: "W" * 300, 19: "V" * 100})))
    visit = Visit.objects.get()
    assert (len(visit.location), len(visit.number)) == (120, 64)


def order_of(oid: str, placer_oid: str = "", number: str = "P1") -> bytes:
    """An order whose sender, and whose placer's authority, have a universal id (HD.2, EI.3) and no name."""
    header = msh("ORM^O01").replace("|EMR|NORTH|", f"|^{oid}.1^ISO|^{oid}.2^ISO|")
    placer = f"{number}^^{placer_oid}^ISO" if placer_oid else number
    return message(header, pid(), f"ORC|NW|{placer}", f"OBR|1|{placer}||CTHEADWO^CT head^L")


def test_senders_and_placers_that_have_only_a_universal_id_are_not_mixed_up():
    rows = [take(order_of("1.2.840.1", "1.2.840.77")), take(order_of("1.2.840.2", "1.2.840.88"))]
    assert [row.state for row in rows] == ["applied", "applied"]
    assert len({row.peer_id for row in rows}) == 2
    assert sorted(Order.objects.values_list("placer_authority", flat=True)) == ["1.2.840.77", "1.2.840.88"]
    assert answer(rows[0])[0][4:6] == ["^1.2.840.1.1^ISO", "^1.2.840.1.2^ISO"]


@pytest.mark.parametrize(("said", "kept"), [("OUTPATIENT", "O"), ("Inpatient", "I"), ("ER", "E"), ("O", "O")])
def test_a_patient_class_in_words_is_that_of_the_table(said, kept):
    take(message(msh("ORM^O01"), pid(), f"PV1||{said}", orc(), obr()))
    assert Order.objects.get().patient_class == kept


@pytest.mark.parametrize("start", ["2026-03-10T18:00:00Z", "2026-03-10 13:00", "2026-03-10T19:00:00.000+01:00"])
def test_dates_with_separators_are_read(start):
    header = msh("ORM^O01", at="2026-03-10T12:00:00")
    row = take(message(header, pid().replace("19450714", "1945-07-14"), orc(timing=f"^^^{start}^^R"), obr()))
    placed = Order.objects.select_related("patient").get()
    assert placed.patient.birth_date.isoformat() == "1945-07-14"
    assert placed.procedures.get().steps.get().start.isoformat() == "2026-03-10T18:00:00+00:00"
    assert row.message_at.isoformat() == "2026-03-10T12:00:00-05:00"
    assert row.warnings == []
