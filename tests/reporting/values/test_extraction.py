"""Values that a text states in the fields of its template: pure functions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.values.elements import read_element_set
from reporting.values.extraction import compute, stated_values
from reporting.writing.fields import filled
from ris.kernel.errors import Invalid

pytestmark = pytest.mark.once

TEMPLATE = "Nodule: [size] mm, [margin=smooth|spiculated].\nLength [a] x [b] cm, area [area] cm2."
KNOWN: dict[str, Any] = {
    "size": {"type": "NUMERIC", "unit": "mm", "element": "RDE1"},
    "margin": {"type": "SELECTION_LIST", "element": "RDE2", "codes": {"smooth": "RDE2.0", "spiculated": "RDE2.1"}},
    "a": {"type": "NUMERIC"}, "b": {"type": "NUMERIC"}, "area": {"type": "NUMERIC", "computed": "a * b"},
}  # fmt: skip
SET = {
    "id": "RDES3", "name": "Nodule", "set_version": {"number": 2}, "modalities": [{"code": "CT"}],
    "elements": [
        {"id": "RDE43", "name": "Attenuation", "integer_value": {"min": -100, "max": 200, "unit": "[hnsf'U]"}},
        {"id": "RDE44", "name": "Margin", "value_set": {"values": [{"code": "RDE44.0", "name": "smooth"},
                                                                 {"code": "RDE44.1", "name": "irregular"}]}},
        {"id": "RDE45", "name": "Growing", "boolean_value": {}},
    ],
}  # fmt: skip


def test_numbers_and_choices_are_found_with_unit_code_source_and_place() -> None:
    text = "Seen before.\nNodule: 7,5 mm, Spiculated.\nLength 2 x 3.5 cm, area 7 cm2."
    values = {value.name: value for value in stated_values(TEMPLATE, KNOWN, text)}
    size = values["size"]
    assert (size.element, size.number, size.unit, size.source) == ("RDE1", 7.5, "mm", "typed")
    assert (values["margin"].code, values["margin"].source) == ("RDE2.1", "picked")
    assert (values["area"].number, values["area"].source) == (7.0, "computed")
    assert all(text[value.start : value.end] == value.text for value in values.values())


@pytest.mark.parametrize(
    "text",
    ["Nodule: 7 cm, smooth.", "Nodule: [size ____] mm", "Nodule: 7 mm. Nodule: 9 mm,", "Other nodule 7 mm",
     "Nodule: about 7 mm, smooth"],
)  # fmt: skip
def test_another_unit_an_open_place_or_two_places_are_no_value(text: str) -> None:
    assert "size" not in [value.name for value in stated_values(TEMPLATE, KNOWN, text)]


def test_a_number_that_is_not_what_the_formula_gives_was_typed() -> None:
    values = stated_values(TEMPLATE, KNOWN, "Length 2 x 3.5 cm, area 9 cm2.")
    assert {value.name: value.source for value in values} == {"a": "typed", "b": "typed", "area": "typed"}


@given(
    st.floats(0, 999).map(lambda n: f"{n:.1f}"),
    st.sampled_from(["smooth", "spiculated"]),
    st.text("abc .\n", max_size=20),
)
def test_every_value_is_found_in_its_text(size: str, margin: str, more: str) -> None:
    text = more + "\n" + filled(TEMPLATE, normal=False).replace("[size ____]", size)
    text = text.replace("[margin: smooth/spiculated ____]", margin) + "\n" + more
    values = stated_values(TEMPLATE, KNOWN, text)
    assert {value.name for value in values} == {"size", "margin"}
    assert all(text[value.start : value.end] == value.text for value in values)


def test_formulas_are_arithmetic_and_nothing_else() -> None:
    assert compute("0.52 * length * width_1 / -2", {"length": 2, "width 1": 4}) == pytest.approx(-2.08)
    for formula in ("__import__('os')", "a.b", "1/0", "missing", "9**9**9", "(" * 500, "[1]", "'a'*9"):
        assert compute(formula, {"a": 1}) is None


def test_a_set_becomes_lines_with_typed_coded_fields() -> None:
    read = read_element_set(json.dumps(SET).encode())
    assert (
        read.text
        == "Attenuation: [Attenuation] (hnsf'U).\nMargin: [Margin=|smooth|irregular].\nGrowing: [Growing=|yes|no]."
    )
    assert (read.identifier, read.version, read.modality) == ("RDES3", "2", "CT")
    assert read.known["Margin"]["codes"] == {"smooth": "RDE44.0", "irregular": "RDE44.1"}
    assert read.known["Attenuation"] | {"element": "RDE43", "min": "-100"} == read.known["Attenuation"]


@pytest.mark.parametrize(
    "content,at",
    [(b"{", "line 1"), (b"[]", "id"), (b'{"id": "RDES3"}', "elements"),
     (b'{"id": "RDES3", "elements": [{"id": "RDE1"}, {"id": "x"}]}', "elements[1].id")],
)  # fmt: skip
def test_what_is_no_set_is_refused_at_its_member(content: bytes, at: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_element_set(content)
    assert refused.value.at == at
