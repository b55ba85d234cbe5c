"""Fields, macros and the choice of a template: pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.checks import Text, remarks
from reporting.writing.choice import Exam, contrast_of, rank_templates
from reporting.writing.expansion import MOST_DEPTH, expand
from reporting.writing.fields import fields_of, filled
from ris.kernel.errors import Invalid

pytestmark = pytest.mark.once

words = st.text("abc .,\n[]=|", max_size=30)


def test_a_normal_report_has_defaults_and_a_template_has_places() -> None:
    text = "Liver [size] cm, [texture=homogeneous|coarse]. Spleen [spleen=]."
    assert filled(text, normal=True) == "Liver [size ____] cm, homogeneous. Spleen [spleen ____]."
    assert filled(text, normal=False) == (
        "Liver [size ____] cm, [texture: homogeneous/coarse ____]. Spleen [spleen ____]."
    )


@given(words)
def test_every_place_that_is_not_filled_in_stops_the_signature(text: str) -> None:
    out = filled(text, normal=False)
    for field in fields_of(text):
        assert field.name in out
    if any(True for _ in fields_of(text)):
        assert [r for r in remarks(Text(findings=out)) if r.check == "unfilled field"]


def test_a_macro_with_parameters_merge_fields_and_another_in_it() -> None:
    macros = {"nod": "Nodule of {size:number=5} mm in the {side:choice=left|right} lung{.fu}",
              "fu": ". Because of {indication}: {what}."}  # fmt: skip
    done = expand("nod", macros, arguments={"side": "right"}, merge={"indication": "cough"})
    assert done.text == "Nodule of 5 mm in the right lung. Because of cough: [what ____]."
    assert (done.macros, done.merged) == (("nod", "fu"), ("indication",))
    for name, value in (("size", "big"), ("side", "both")):
        with pytest.raises(Invalid) as refused:
            expand("nod", macros, arguments={name: value}, merge={"indication": ""})
        assert refused.value.at == name


def test_a_cycle_and_too_deep_a_nesting_are_refused() -> None:
    with pytest.raises(Invalid, match="calls itself"):
        expand("a", {"a": "{.b}", "b": "{.a}"})
    deep = {f"m{n}": "{.m" + f"{n + 1}" + "}" for n in range(MOST_DEPTH)} | {f"m{MOST_DEPTH}": "end"}
    with pytest.raises(Invalid, match="deeper"):
        expand("m0", deep)
    assert expand("m1", deep).text == "end"
    with pytest.raises(Invalid, match="characters"):
        expand("x0", {f"x{n}": ("{.x" + f"{n + 1}" + "}") * 20 for n in range(6)} | {"x6": "word"})


PIECES = ["{.aa}", "{.bb}", "{.cc}", "{.dd}", "{age}", "{p:number=3}", "{", "}", " text ", "\n"]
bodies = st.dictionaries(
    st.sampled_from(["aa", "bb", "cc", "dd"]), st.lists(st.sampled_from(PIECES), max_size=4).map("".join), min_size=1
)


@given(bodies, st.text("{}.ab", max_size=12))
def test_an_expansion_ends_is_the_same_twice_and_leaves_no_macro_in_it(macros: dict[str, str], said: str) -> None:
    trigger = sorted(macros)[0]
    try:
        done = expand(trigger, macros, merge={"age": said})
    except Invalid as refusal:
        assert refusal.at == "trigger"
        return
    assert done == expand(trigger, macros, merge={"age": said})
    assert set(done.macros) <= set(macros) and len(set(done.macros)) == len(done.macros)
    # What is filled in is text, and is never expanded itself.
    marked = expand(trigger, macros, merge={"age": "\x00"}).text
    assert done.text == marked.replace("\x00", said or "[age ____]")


@dataclass
class Row:
    pk: int
    procedure_id: int | None = None
    modality: str = ""
    region: str = ""
    contrast: str = ""
    site_id: int | None = None
    sex: str = ""
    age_from: int | None = None
    age_to: int | None = None
    owner_id: int | None = None


EXAM = Exam(procedure_id=7, procedure="CT head without contrast", modality="CT", region="HEAD", contrast="without",
            site_id=1, sex="F", age=30.5, reader_id=5, used_at={})  # fmt: skip


def test_the_narrowest_template_is_chosen_and_says_why() -> None:
    rows = [
        Row(1), Row(2, site_id=1), Row(3, modality="CT"), Row(4, modality="CT", region="HEAD"),
        Row(5, modality="CT", region="HEAD", contrast="without"), Row(6, procedure_id=7),
        Row(7, procedure_id=7, sex="F"), Row(8, procedure_id=7, sex="F", age_from=18, age_to=40),
        Row(9, procedure_id=7, sex="F", age_from=18, owner_id=5),
    ]  # fmt: skip
    assert [choice.template_id for choice in rank_templates(rows, EXAM)] == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert rank_templates(rows, EXAM)[0].reason == "for CT head without contrast, of women, from 18 years, yours"
    others = [Row(1, modality="MR"), Row(2, sex="M"), Row(3, owner_id=6), Row(4, site_id=2), Row(5, age_to=30),
              Row(6, contrast="with"), Row(7, procedure_id=8), Row(8, region="CHEST")]  # fmt: skip
    assert rank_templates(others, EXAM) == []
    assert rank_templates([Row(1, age_from=1)], replace(EXAM, age=None)) == []


def test_of_equal_ones_that_which_was_used_last() -> None:
    used = {2: datetime(2026, 1, 2, tzinfo=UTC), 3: datetime(2026, 1, 1, tzinfo=UTC)}
    ranked = rank_templates([Row(1), Row(2), Row(3)], replace(EXAM, used_at=used))
    assert [choice.template_id for choice in ranked] == [2, 3, 1]
    assert ranked[0].reason == "for every exam, used last for this exam"


@pytest.mark.parametrize(
    "name,contrast",
    [
        ("CT head without contrast", "without"), ("CT head w/o contrast", "without"), ("MR nativ", "without"),
        ("CT chest with IV contrast", "with"), ("CT abdomen with KM", "with"), ("XR knee", ""),
        ("CT liver without and with contrast", ""),
    ],
)  # fmt: skip
def test_contrast_by_the_name_of_a_procedure(name: str, contrast: str) -> None:
    assert contrast_of(name) == contrast
