"""Checks before signing: each gate on what it is for and on what it must stay silent of; what signing makes of them."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from reporting import selectors, services
from reporting.checks import Text, read_case, remarks
from reporting.checks.assertions import mentions
from reporting.checks.text import sentences
from reporting.models import Report
from ris.kernel.errors import Invalid
from ris.people.models import User
from tests.factories import NOON, PatientFactory, make_order, perform
from tests.reporting.test_writing_and_signing import by, claimed, write
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

once = pytest.mark.once


def said(facts: dict[str, Any] | None = None, **sections: str) -> set[str]:
    """The gates that speak of a case, but for an impression that a sentence alone does not have."""
    known, text = read_case({"facts": facts or {}, "sections": {"impression": "See above.", **sections}})
    return {remark.check for remark in remarks(text, known)}


@once
@pytest.mark.parametrize(
    ("gate", "facts", "fires", "silent"),
    [
        ("laterality", {"procedure": "MRI knee", "laterality": "L"}, "Tear of the right ACL.", "Tear of the left ACL."),
        ("laterality", {"procedure": "XR hip", "laterality": "R"}, "Left hip effusion.", "Compared with the left hip."),
        ("laterality", {"procedure": "XR knee", "laterality": "L"}, "Erguss rechts.", "Beidseits Arthrose."),
        ("laterality", {"procedure": "XR hip", "laterality": "R"}, "Left hip pain.", "The left hip was not imaged."),
        ("laterality", {"procedure": "MRT Schulter", "laterality": "L"}, "Riss der rechten Schulter.",
         "Die rechte Schulter wurde nicht mituntersucht."),
        ("units", {"procedure": "US Schilddrüse"}, "Knoten von 12 x 9.", "Knoten von 12 x 9.5 mm."),
        ("units", {"procedure": "US Abdomen"}, "Die Milz misst 11 mm.", "Die Milz misst 11 cm."),
        ("dangling field", {}, "Rechte Niere cm, linke Niere 11 cm.", "Rechte Niere 10 cm, linke Niere 11 cm."),
        ("dangling field", {}, "Uterus: 8 cm. Endometrium:\nOvaries: normal.", "Uterus: 8 cm. Endometrium: 4 mm."),
        ("unfilled field", {}, "The liver measures ___ cm.", "The liver measures 14 cm."),
        ("sex", {"sex": "M"}, "Fibroid of the uterus.", "His mother had cancer of the uterus."),
        ("sex", {"sex": "F"}, "The prostate is large.", "The ovaries are normal."),
        ("units", {}, "The cyst measures 4 x 3.", "The cyst measures 4 x 3 cm."),
        ("dangling field", {}, "The cyst lies in the.", "The cyst lies in the liver."),
        ("unfilled field", {}, "Side: [left/right].", "Side: [left]."),
        ("contrast", {"contrast_given": False}, "CT with intravenous contrast.", "CT without intravenous contrast."),
        ("procedure", {"contrast_ordered": False}, "After 90 mL of iohexol.", "With oral contrast."),
        ("wrong patient", {"patient_name": "ZZTEST^ALPHA"}, "Mrs. Zzother fell.", "Mrs. Zztest fell."),
        ("wrong patient", {"age": 12}, "83-year-old with a fall.", "12-year-old with a fall."),
        ("critical without communication", {}, "Tension pneumothorax.", "No pneumothorax."),
        ("critical without communication", {}, "Type B dissection.", "Known, unchanged type B dissection."),
    ],
)  # fmt: skip
def test_a_gate_speaks_of_what_it_is_for_and_of_nothing_else(
    gate: str, facts: dict[str, Any], fires: str, silent: str
) -> None:
    assert gate in said(facts, findings=fires)
    assert gate not in said(facts, findings=silent)


@once
def test_findings_and_impression_are_compared_by_side_and_by_negation() -> None:
    assert "findings vs impression" in said(findings="Right effusion.", impression="Left effusion.")
    assert "findings vs impression" not in said(findings="Right and left effusion.", impression="Left effusion.")
    assert "negation flip" in said(findings="No fracture.", impression="Fracture of the rib.")
    assert "negation flip" not in said(findings="No displaced fracture.", impression="Fracture of the rib.")


@once
def test_a_prior_that_the_patient_does_not_have_is_named_and_one_that_is_not_compared_with_is_hinted_at() -> None:
    prior = {"date": "2025-05-04", "modality": "CT", "procedure": "CT chest"}
    facts = {"procedure": "CT chest", "exam_date": "2026-03-10", "priors": [prior]}
    assert said(facts, comparison="CT of 4 May 2025.") == set()
    assert said(facts, comparison="CT of 5 May 2025.") == {"prior date"}
    assert said(facts, comparison="Outside CT of 5 May 2025.") == set()
    assert said(facts, comparison="None.") == {"missing comparison"}


@once
def test_a_remark_says_where_it_is() -> None:
    facts, text = read_case({"laterality": "L", "procedure": "MRI knee", "findings": "One.\n- Two.\nRight ACL tear."})
    (remark,) = (r for r in remarks(text, facts) if r.check == "laterality")
    assert (remark.section, text.findings[remark.start : remark.end], remark.quote) == ("findings", "Right", "Right")


@once
def test_sentences_are_split_at_ends_and_not_at_abbreviations_or_wrapped_lines() -> None:
    text = Text(findings="Dr. Zztest was told. Size 3.5 cm.\nThis line is\nwrapped. Z.n. Fraktur.\n1. First\n2. Second")
    assert [sentence.text.split() for sentence in sentences(text)] == [
        ["Dr.", "Zztest", "was", "told."], ["Size", "3.5", "cm."], ["This", "line", "is", "wrapped."],
        ["Z.n.", "Fraktur."], ["First"], ["Second"],
    ]  # fmt: skip
    assert all(text.findings[s.start : s.end] == s.text or "wrapped" in s.text for s in sentences(text))


@once
@pytest.mark.parametrize(
    ("sentence", "kinds"),
    [
        ("There is a fracture.", set()), ("No fracture.", {"negation"}), ("Possible fracture.", {"possible"}),
        ("Old fracture.", {"historical"}), ("Fracture is not seen.", {"negation"}), ("Keine Fraktur.", {"negation"}),
        ("V.a. Fraktur.", {"possible"}), ("Z.n. Fraktur.", {"historical"}), ("No change in the fracture.", set()),
        ("No effusion, but a fracture.", set()), ("Her mother had a fracture.", {"another"}),
        ("Fracture cannot be excluded.", {"possible"}),
    ],
)  # fmt: skip
def test_what_is_said_of_a_finding(sentence: str, kinds: set[str]) -> None:
    found = next(m for m in mentions(Text(findings=sentence)) if m.concept == "fracture")
    assert set(found.kinds) == kinds


@once
def test_a_text_as_long_as_a_draft_can_be_is_checked_in_bounded_work() -> None:
    facts, _ = read_case({"laterality": "L", "procedure": "MRI knee", "priors": [], "exam_date": "2026-03-10"})
    for long in ("right effusion " * 13_000, "A:\n" * 60_000, "1. " * 60_000, "[" * 200_000):
        assert len(remarks(Text(findings=long, impression=long), facts)) < 200


@once
def test_the_command_prints_remarks_as_json(tmp_path: Any) -> None:
    case = tmp_path / "case.json"
    case.write_text(json.dumps({"facts": {"sex": "M"}, "sections": {"findings": "Uterus.", "impression": "Normal."}}))
    out = io.StringIO()
    call_command("report", "check", str(case), stdout=out)
    (remark,) = json.loads(out.getvalue())
    assert (remark["gate"], remark["section"], remark["quote"], remark["span"]) == ("sex", "findings", "Uterus", [0, 6])
    assert 0 < remark["certainty"] <= 1
    case.write_text("no JSON")
    with pytest.raises(CommandError, match="JSON"):
        call_command("report", "check", str(case))


def sign(user: User, **sections: str) -> None:
    """Write and sign a report of a CT head of a woman."""
    item = claimed(user)
    report = write(item, user, **sections)
    services.sign(item.pk, revision=report.revision, **by(user))


@pytest.mark.django_db
def test_signing_wants_a_reason_for_what_the_record_contradicts_and_none_for_a_hint() -> None:
    reader = make_reader()
    with pytest.raises(Invalid) as refused:
        sign(reader, findings="The prostate is normal.", impression="Normal.")
    assert refused.value.code == "check:sex"


@pytest.mark.django_db
def test_the_facts_of_a_report_are_those_of_its_order_patient_and_priors() -> None:
    patient = PatientFactory()
    perform(make_order(patient=patient, at=NOON - timedelta(days=400)).procedures.get(), at=NOON - timedelta(days=399))
    reader = make_reader()
    item = worklist.claim(make_item(patient=patient).pk, **by(reader))
    write(item, reader)
    facts = selectors.facts_of(Report.objects.get())
    assert (facts.sex, facts.modality, facts.exam_date) == ("F", "CT", NOON.date())
    assert facts.priors is not None
    assert [prior.day for prior in facts.priors] == [(NOON - timedelta(days=399)).date()]
    assert facts.patient_id == patient.identifiers.get().value


@once
def test_the_modality_is_read_from_the_exam_where_it_is_not_given_and_free_fluid_is_a_finding() -> None:
    described = {"technique": "MRI of the brain with DWI.", "findings": "Normal."}
    assert "procedure" in said({"procedure": "CT head without contrast"}, **described)
    assert "procedure" in said({"procedure": "CT head", "modality": "CT"}, **described)
    assert "procedure" not in said({"procedure": "MRI brain"}, **described)
    denied = {"findings": "Keine freie Flüssigkeit.", "impression": "Freie Flüssigkeit im Unterbauch."}
    assert said(**denied) == {"negation flip"}
    assert "dangling field" not in said(findings="Normal.", impression="Beurteilung:")
