from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import config
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from interfaces.dicom.mwl.attributes import CHARACTER_SET, ITEM, ROOT, SPS
from interfaces.dicom.mwl.encoding import encode_entry
from interfaces.dicom.mwl.identifier import ReturnKeys
from ris.orders.mwl.rows import Entry

pytestmark = pytest.mark.once

SCRIPTS = {
    "Latin 1": ("Zzmüller^Éléonore", "ISO_IR 100"),
    "Latin 2": ("Zzněmec^Łukasz", "ISO_IR 101"),
    "Latin 3": ("Zzĝoĥo^Ŭ", "ISO_IR 109"),
    "Latin 4": ("Zzķēniņš^Ģirts", "ISO_IR 110"),
    "Latin 5": ("Zzyıldız^Şule Ğ", "ISO_IR 148"),
    "Cyrillic": ("Ззтест^Альфа", "ISO_IR 144"),
    "Greek": ("Ζζτεστ^Αλφα", "ISO_IR 126"),
    "Hebrew": ("בדיקה^אלפא", "ISO_IR 138"),
    "Arabic": ("اختبار^ألفا", "ISO_IR 127"),
    "Thai": ("ทดสอบ^อัลฟา", "ISO_IR 166"),
    "Japanese": ("ZZYAMADA^TAROU=山田^太郎=やまだ^たろう", "\\ISO 2022 IR 87"),
    "Korean": ("ZZHONG^GILDONG=洪^吉洞=홍^길동", "\\ISO 2022 IR 149"),
    "Chinese": ("ZZWANG^XIAODONG=王^小东=", "GB18030"),
}


def entry_of(**said: Any) -> Entry:
    values: dict[str, Any] = {name: f"{name[:12]}" for name in Entry._fields}
    values |= {
        "step_id": 1,
        "procedure_id": 1,
        "order_id": 1,
        "patient_id": 1,
        "minutes": 30,
        "start": datetime(2026, 3, 10, 12, 0, tzinfo=UTC),
        "birth_date": date(1950, 1, 2),
        "pregnant": True,
        "station_aes": ["CT1", "CT2"],
        "station_names": ["STATION"],
        "allergies": ["LATEX", "IODINE"],
        "alerts": [],
        "protocol_codes": [["P1", "Protocol", "L"], ["P2", "Second", "99L"]],
        "reason_codes": [["R51", "Headache", "I10"]],
        "diagnoses": [["S06.0", "Concussion", "I10", "A"], ["", "Fall", "", ""]],
        "copies_to": [["7", "ZZCOPY^DELTA", "NORTH"]],
        "weight_kg": 72.5,
        "height_m": 1.8,
        "identifiers": [["A1", "AUTH", "MR"], ["B2", "OTHER", "PI"]],
        "state": "scheduled",
        "time_zone": "America/Chicago",
        "study_uid": "2.25.123",
        "ideographic_name": "",
        "phonetic_name": "",
    }
    return Entry(**(values | said))


WHOLE = ReturnKeys(
    root=tuple(sorted(a.tag for a in ROOT if a.tag != SPS)), item=tuple(sorted(a.tag for a in ITEM)), character_set=True
)


def by_pydicom(entry: Entry, shape: ReturnKeys, charset: str, implicit: bool) -> bytes:
    """The reference: the same attributes, set on a Dataset and written by pydicom."""
    whole = Dataset()
    if charset or shape.character_set:
        whole.SpecificCharacterSet = charset.split("\\") if "\\" in charset else charset
    for tag in shape.root:
        _set(whole, next(a for a in ROOT if a.tag == tag), entry)
    item = Dataset()
    for tag in shape.item or ():
        _set(item, next(a for a in ITEM if a.tag == tag), entry)
    whole.ScheduledProcedureStepSequence = [item]
    encoded = encode(whole, implicit, True)
    assert encoded is not None
    return encoded


def _set(dataset: Dataset, attribute: Any, entry: Entry) -> None:
    value = attribute.of(entry)
    if attribute.vr == "SQ":
        items = []
        for parts in value:
            item = Dataset()
            for tag, vr, plain in parts:
                item.add_new(tag, vr, plain)
            items.append(item)
        value = items
    dataset.add_new(attribute.tag, attribute.vr, value)


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "explicit"])
def test_every_byte_is_what_pydicom_would_write(implicit: bool) -> None:
    entry = entry_of()
    assert encode_entry(entry, WHOLE, implicit=implicit).identifier == by_pydicom(entry, WHOLE, "", implicit)


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "explicit"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_in_the_devices_own_character_set(script: str, implicit: bool) -> None:
    name, charset = SCRIPTS[script]
    first, _, others = name.partition("=")
    family, _, given_name = first.partition("^")
    ideographic, _, phonetic = others.partition("=")
    entry = entry_of(
        family_name=family,
        given_name=given_name,
        middle_name="",
        prefix="",
        suffix="",
        ideographic_name=ideographic,
        phonetic_name=phonetic,
        reason=given_name,
    )
    preferred = tuple(charset.split("\\"))

    written = encode_entry(entry, WHOLE, implicit=implicit, preferred=preferred)

    assert not written.other_charset
    assert written.identifier == by_pydicom(entry, WHOLE, charset, implicit)
    read = decode(BytesIO(written.identifier), implicit, True)
    assert str(read.PatientName) == name.rstrip("=")


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s not in ("Japanese", "Korean", "Chinese")])
def test_without_a_preference_the_smallest_set_that_fits_is_chosen(script: str) -> None:
    name, charset = SCRIPTS[script]
    written = encode_entry(entry_of(family_name=name.partition("^")[0]), WHOLE, implicit=True)
    read = decode(BytesIO(written.identifier), True, True)
    assert read.SpecificCharacterSet == charset
    assert str(read.PatientName).startswith(name.partition("^")[0])


@pytest.mark.parametrize("script", ["Japanese", "Korean", "Chinese"])
def test_what_fits_nowhere_smaller_goes_out_as_utf_8(script: str) -> None:
    ideographic = SCRIPTS[script][0].split("=")[1]
    written = encode_entry(entry_of(ideographic_name=ideographic), WHOLE, implicit=True)
    read = decode(BytesIO(written.identifier), True, True)
    assert read.SpecificCharacterSet == "ISO_IR 192"
    assert read.PatientName.ideographic == ideographic


def test_a_text_outside_the_devices_set_is_sent_in_another_and_said_so() -> None:
    written = encode_entry(entry_of(family_name="Ззтест"), WHOLE, implicit=True, preferred=("ISO_IR 100",))
    assert written.other_charset
    assert decode(BytesIO(written.identifier), True, True).SpecificCharacterSet == "ISO_IR 144"


def test_plain_text_needs_no_character_set_unless_asked() -> None:
    quiet = ReturnKeys((0x00100020,), None, character_set=False)
    assert CHARACTER_SET not in decode(BytesIO(encode_entry(entry_of(), quiet, implicit=True).identifier), True, True)


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\\=^\x7f"), max_size=12).map(
    str.strip
)


@settings(max_examples=150, deadline=None)
@given(family=TEXT, reason=TEXT, minutes=st.integers(1, 2000), implicit=st.booleans(), seed=st.integers(0, 2**46 - 1))
def test_any_shape_of_any_text_is_written_as_pydicom_would(
    family: str, reason: str, minutes: int, implicit: bool, seed: int
) -> None:
    tags = tuple(tag for n, tag in enumerate(WHOLE.root) if seed >> n & 1)
    shape = ReturnKeys(tags, WHOLE.item, character_set=True)
    entry = entry_of(family_name=family, reason=reason, minutes=minutes)
    written = encode_entry(entry, shape, implicit=implicit, cut=False)
    charset = decode(BytesIO(written.identifier), implicit, True).get("SpecificCharacterSet", "") or ""
    with config.disable_value_validation():
        assert written.identifier == by_pydicom(entry, shape, str(charset), implicit)
