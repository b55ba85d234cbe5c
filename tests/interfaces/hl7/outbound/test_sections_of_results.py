"""How a destination wants the sections of a report: their codes, and one OBX a line, a paragraph or a section."""

from __future__ import annotations

from datetime import date
from typing import Any

import hl7
import pytest

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.options import check_destination_options
from interfaces.hl7.outbound.preparation import prepare_waiting
from reporting.models import FollowUp, ReportVersion
from ris.kernel.errors import Invalid
from ris.kernel.relay import deliver_owed
from tests.factories import NOON
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db

TEXT = {"findings": "Line one.\nLine | two.\n\nNext paragraph.", "impression": "Nodule."}


def received(version: ReportVersion, **options: Any) -> list[tuple[str, str, str]]:
    """OBX-2, OBX-3 and OBX-5 as python-hl7 reads them; ``\\.br\\`` as a line end."""
    Destination.objects.create(name="OLD EMR", kinds=["report.final"], options=options)
    deliver_owed(at=NOON)
    prepare_waiting(at=NOON)
    owed = OutboundMessage.objects.get()
    assert (owed.state, owed.error) == ("queued", "")
    message = hl7.parse(bytes(owed.raw).decode())
    return [
        (str(obx[2]), str(obx[3]), message.unescape(str(obx[5]), {".br": "\n"}))
        for obx in message.segments("OBX")
        if str(obx[2]) in ("TX", "FT")
    ]


@pytest.mark.parametrize(
    ("by", "value_type", "findings"),
    [
        ("line", "TX", ["Line one.", "Line | two.", " ", "Next paragraph."]),
        ("paragraph", "FT", ["Line one.\nLine | two.", "Next paragraph."]),
        ("section", "FT", ["Line one.\nLine | two.\n\nNext paragraph."]),
    ],
)
def test_one_obx_a_line_a_paragraph_or_a_section(by: str, value_type: str, findings: list[str]) -> None:
    rows = received(signed(make_reader(), TEXT), lines=by, sections="suffix")
    assert [text for _, code, text in rows if "&GDT" in code] == findings
    assert {kind for kind, _, _ in rows} == {value_type}
    assert rows[-1][1:] == ("CTHEADWO&IMP^CT head without contrast^L", "Nodule.")


def recommending() -> ReportVersion:
    version = signed(make_reader(), TEXT, reason="Cough & fever")
    for state, what in (("recommended", "CT chest"), ("withdrawn", "PET"), ("drafted", "Clinic")):
        FollowUp.objects.create(
            report=version.report, state=state, what=what, latest=date(2026, 9, 1), earliest=date(2026, 8, 1),
            made_by=version.author, made_at=NOON,
        )  # fmt: skip
    return version


@pytest.mark.parametrize(
    ("coding", "codes"),
    [
        ("radiology", ["18785-6", "18782-3", "19005-8", "18783-1"]),
        ("loinc", ["18785-6", "59776-5", "19005-8", "18783-1"]),
        ("suffix", ["CTHEADWO&GDT", "CTHEADWO&GDT", "CTHEADWO&IMP", "CTHEADWO&REC"]),
    ],
)
def test_reason_and_recommendations_stand_beside_the_sections_where_wanted(coding: str, codes: list[str]) -> None:
    rows = received(recommending(), sections=coding, lines="section", reason=True, recommendations=True)
    assert [code.split("^")[0] for _, code, _ in rows] == codes
    assert rows[0][2] == "Cough & fever"
    assert rows[-1][2] == "CT chest, 2026-08-01 to 2026-09-01\nClinic, 2026-08-01 to 2026-09-01"


@pytest.mark.once
@pytest.mark.parametrize("wrong", [{"lines": "word"}, {"sections": "LOINC"}, {"reason": "yes"}])
def test_a_wrong_value_of_an_option_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        check_destination_options(["report.final"], {}, wrong)
    assert refused.value.at == "options"
