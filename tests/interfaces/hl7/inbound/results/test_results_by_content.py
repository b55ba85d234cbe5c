"""A result is taken for what it holds: prose is a report, values are another department's, doubt is for a person."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.models import Peer
from reporting.models import OutsideDocument
from ris.orders.models import ScheduledStep
from tests.factories import SiteFactory, make_order
from tests.interfaces.hl7.hl7 import message, obr, pid, seg, take
from tests.interfaces.hl7.inbound.results.test_results_in import pid_of
from tests.interfaces.hl7.inbound.results.test_whose_results import STRANGER
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site() -> None:
    SiteFactory()


PROSE = "No acute fracture. Joint spaces are kept."


def header(application: str = "ARCHIVE", facility: str = "EAST") -> str:
    return f"MSH|^~\\&|{application}|{facility}|RIS|RAD|20260310120000||ORU^R01|R{application}|P|2.4"


def report(
    *obx: str, sender: str = "ARCHIVE", service: str = "ANKLE^Ankle, three views^L", section: str = "", said: str = ""
) -> bytes:
    return message(
        header(sender), said or pid("T500"), obr("X1", service, fields={3: "FAR-9", 24: section, 25: "F"}), *obx
    )


def line(text: str, *, code: str = "", kind: str = "TX", unit: str = "") -> str:
    return seg("OBX", {1: "1", 2: kind, 3: code, 5: text, 6: unit, 11: "F"})


@pytest.mark.parametrize(
    ("code", "kind", "text", "kept"),
    [
        ("FINDINGS", "TX", PROSE, f"Findings\n{PROSE}"),
        ("IMPRESSION", "FT", PROSE, f"Impression\n{PROSE}"),
        ("IMPRESSION", "TX", "NORMAL", "Impression\nNORMAL"),
        ("ANKLE^Ankle, three views^L", "TX", PROSE, PROSE),
        ("", "TX", PROSE, PROSE),
        ("NOTE", "ST", PROSE, PROSE),
    ],
)
def test_prose_of_a_sender_that_is_no_laboratory_is_a_report_and_is_read_beside_the_priors(
    code: str, kind: str, text: str, kept: str
) -> None:
    row = take(report(line(text, code=code, kind=kind), said=pid_of(make_order().patient)))
    assert (row.answer_code, row.state) == ("AA", "applied"), row.reason
    document = OutsideDocument.objects.get()
    assert bytes(document.content).decode() == kept
    web = Client()
    web.force_login(make_reader())
    shown = web.get(reverse("reporting:document", args=[document.pk])).content.decode()
    assert text in shown


@pytest.mark.parametrize(
    "raw",
    [
        report(line("Growth of a common organism on the plate."), sender="NORTHLAB"),
        report(line("Growth of a common organism on the plate."), section="MB"),
        report(line("Growth of a common organism on the plate."), service="CULT^Microbiology culture^L"),
        report(line("115", code="2552^HEART RATE", kind="NM")),
        report(line("98", code="SPO2", kind="ST", unit="%")),
        report(line("NEGATIVE", code="5778-6^Color of urine^LN", kind="ST")),
    ],
    ids=["sender", "section", "service", "number", "unit", "coded word"],
)
def test_values_and_what_a_laboratory_writes_are_ignored_by_name(raw: bytes) -> None:
    row = take(raw)
    assert (row.answer_code, row.state) == ("AA", "ignored")
    assert "No result of imaging" in row.reason
    assert not OutsideDocument.objects.exists()


def test_a_report_from_imaging_is_one_though_its_sender_stands_in_a_laboratory() -> None:
    assert take(report(line(PROSE), sender="LABWEST", section="CR")).state == "applied"


@pytest.mark.parametrize(
    "obx",
    [
        (line("Reactive", code="RESULT"),),
        (line("See the attached sheet for all that was measured."), line("4.1", code="LVEF", kind="NM", unit="cm")),
    ],
    ids=["one word", "prose and numbers"],
)
def test_what_cannot_be_told_waits_for_a_person(obx: tuple[str, ...]) -> None:
    row = take(report(*obx))
    assert (row.answer_code, row.state) == ("AA", "to mend")
    assert "cannot be told" in row.reason


def test_a_sender_that_is_set_to_hear_of_it_hears_of_what_cannot_be_told() -> None:
    Peer.objects.create(application="ARCHIVE", facility="EAST", name="Archive", other_orders="refuse")
    row = take(report(line("Reactive", code="RESULT")))
    assert (row.answer_code, row.faults[0][1]) == ("AE", "OBX-3")


def status_of_exam(text: str, accession: str, said: str) -> bytes:
    return message(
        header(), said, obr("P1", fields={18: accession, 25: "F"}), line(text, code="PROCEDURE_STATUS", kind="TX")
    )


def test_a_status_of_the_exam_moves_its_steps_and_never_back() -> None:
    order = make_order()
    for control, text, state in (("A", "IN PROGRESS", "started"), ("B", "COMPLETED", "completed"),
                                 ("C", "ARRIVED", "completed")):  # fmt: skip
        raw = status_of_exam(text, order.accession, pid_of(order.patient)).replace(b"RARCHIVE", b"R" + control.encode())
        assert take(raw).answer_code == "AA"
        assert ScheduledStep.objects.get().state == state
    assert not OutsideDocument.objects.exists()


def test_a_status_of_an_exam_under_another_patient_moves_nothing() -> None:
    order = make_order()
    row = take(status_of_exam("COMPLETED", order.accession, STRANGER))
    assert (row.answer_code, row.faults[0][1]) == ("AE", "PID-3")
    assert ScheduledStep.objects.get().state == "scheduled"


@pytest.mark.parametrize(("text", "accession"), [("COMPLETED", "ZZNOWHERE"), ("HALF WAY", "")])
def test_a_status_of_no_exam_or_of_an_unknown_word_waits_for_a_person(text: str, accession: str) -> None:
    order = make_order()
    row = take(status_of_exam(text, accession or order.accession, pid_of(order.patient)))
    assert (row.answer_code, row.state) == ("AA", "to mend")
    assert ScheduledStep.objects.get().state == "scheduled"


def test_a_coded_impression_is_a_line_of_the_report_like_any_other() -> None:
    patient = make_order().patient
    obx = (
        line("^MASS LEFT LOWER LOBE", code="71020&IMP^Impression", kind="CWE"),
        line("Round density of two centimetres.", code="71020&GDT", kind="FT"),
        line("71020^Follow up in one month", code="71020&REC", kind="CWE"),
    )
    assert take(report(*obx, said=pid_of(patient))).state == "applied"
    text = bytes(OutsideDocument.objects.get().content).decode()
    for said in ("MASS LEFT LOWER LOBE", "Round density of two centimetres.", "Follow up in one month"):
        assert said in text


def test_a_report_in_a_code_page_of_windows_keeps_its_letters() -> None:
    raw = report(line("Przełyk poszerzony, środek kontrastowy."), said=pid_of(make_order().patient)).decode()
    raw = raw.replace("|P|2.4", "|P|2.4||||||CP1250", 1)
    assert take(raw.encode("cp1250")).state == "applied"
    assert bytes(OutsideDocument.objects.get().content).decode() == "Przełyk poszerzony, środek kontrastowy."
