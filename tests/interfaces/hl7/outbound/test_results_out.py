from __future__ import annotations

from base64 import b64decode
from io import BytesIO

import pytest
from pypdf import PdfReader

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.preparation import prepare_waiting
from interfaces.hl7.v2.parser import Message, parse_message
from reporting import services
from reporting.models import Report, ReportVersion
from reporting.rendering.pdf import render_pdf
from ris.audit.services import Actor
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from tests.factories import NOON
from tests.reporting.written import preliminary
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db

TEXT = {"findings": "No bleed.\n\nNo | mass & no ^shift.", "impression": "Normal ümlaut."}


@pytest.fixture
def emr(db):
    kinds = ["report.preliminary", "report.final", "report.addendum", "report.corrected"]
    return Destination.objects.create(name="EMR", kinds=kinds)


def deliver_and_prepare(at=NOON):
    """Both steps on the way to the queue: the event is delivered, and what it queued is validated."""
    deliver_owed(at=at)
    prepare_waiting(at=at)


def signed(sections=TEXT, **order):
    reader = make_reader()
    reader.last_name, reader.first_name, reader.npi = "ZZREADER", "RITA", "123"
    reader.save()
    by = {"reader": reader, "actor": Actor.of_user(reader), "at": NOON}
    item = worklist.claim(make_item(placer_number="P1", placer_authority="EMRSYS", **order).pk, **by)
    report = services.save_draft(item.pk, revision=0, sections=sections, **by)
    version = services.sign(item.pk, revision=report.revision, **by)
    deliver_and_prepare()
    return version, by


def test_signing_owes_the_emr_one_final_result(emr):
    version, _ = signed()
    owed = OutboundMessage.objects.get()
    assert (owed.kind, owed.state, owed.error) == ("report.final", "queued", "")
    assert owed.lane == version.report.procedure.order.accession
    found = parse_message(bytes(owed.raw))
    obr, order = found.first("OBR"), version.report.procedure.order
    assert found.header.text(9) + "^" + found.header.text(9, 2) == "ORU^R01"
    assert (found.get("ORC", 2), found.get("ORC", 2, 2), found.get("ORC", 3)) == ("P1", "EMRSYS", order.filler_number)
    assert (obr.text(18), obr.text(25)) == (order.accession, "F")
    assert (obr.text(32, 1, 1), obr.text(32, 1, 2)) == ("123", "ZZREADER")


def test_text_comes_line_by_line_with_the_impression_apart_and_the_study_named(emr):
    version, _ = signed()
    obx = parse_message(bytes(OutboundMessage.objects.get().raw)).all("OBX")
    assert [(s.text(3), s.text(4), s.text(5)) for s in obx] == [
        ("113014", "1", version.report.procedure.study_uid),
        ("59776-5", "2", "No bleed."),
        ("59776-5", "2", ""),
        ("59776-5", "2", "No | mass & no ^shift."),
        ("19005-8", "3", "Normal ümlaut."),
    ]
    assert {s.text(11) for s in obx} == {"F"}


def test_an_addendum_comes_with_the_text_that_it_adds_to(emr):
    version, by = signed()
    services.add_addendum(version.report_id, text="Also a cyst.", **by)
    deliver_and_prepare()
    last = OutboundMessage.objects.order_by("pk").last()
    found = parse_message(bytes(last.raw))
    assert (last.kind, found.get("OBR", 25)) == ("report.addendum", "A")
    assert [s.text(5) for s in found.all("OBX")][1:] == [
        "No bleed.", "", "No | mass & no ^shift.", "Normal ümlaut.", "Also a cyst.",
    ]  # fmt: skip


def test_the_same_fact_delivered_twice_owes_one_message(emr):
    from interfaces.hl7.subscribers import queue_for_destinations
    from ris.kernel.events import revive
    from ris.kernel.models import Record

    signed()
    queue_for_destinations(revive(Record.objects.get(kind="ReportSigned")))
    assert OutboundMessage.objects.count() == 1


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1"])
def test_what_is_sent_is_valid_in_every_version_offered(emr, version):
    Destination.objects.update(hl7_version=version)
    signed()
    assert OutboundMessage.objects.get().error == ""


def test_a_character_the_destination_cannot_write_is_escaped_where_that_is_wanted(emr):
    Destination.objects.update(charset="ASCII", options={"unencodable": "escape"})
    signed()
    raw = bytes(OutboundMessage.objects.get().raw)
    assert raw.isascii()
    assert parse_message(raw).all("OBX")[-1].text(5) == "Normal ümlaut."


def test_a_message_that_does_not_validate_is_held_shown_and_alarmed(emr, monkeypatch):
    from interfaces.hl7.outbound import preparation

    monkeypatch.setattr(preparation, "find_structure_fault", lambda text, structure: "OBR is missing")
    signed()
    owed = OutboundMessage.objects.get()
    assert (owed.state, owed.error) == ("invalid", "OBR is missing")
    assert Alarm.objects.get().kind == "hl7-message-invalid"


def test_a_destination_that_does_not_want_it_gets_nothing(emr):
    Destination.objects.update(kinds=["report.addendum"])
    signed()
    assert not OutboundMessage.objects.exists()


def told() -> list[tuple[str, Message]]:
    return [(row.kind, parse_message(bytes(row.raw))) for row in OutboundMessage.objects.order_by("pk")]


def lines(message: Message, code: str) -> list[tuple[str, ...]]:
    """(type, value, flag, status) of the OBX that have this code in OBX-3."""
    found = [s for s in message.all("OBX") if s.text(3) == code]
    return [(s.text(2), s.text(5), s.text(8), s.text(11)) for s in found]


def test_a_correction_goes_out_whole_with_status_c_and_earlier_addenda(emr):
    version, by = signed()
    services.add_addendum(version.report_id, text="Also a cyst.", **by)
    said = {"sections": {"impression": "Cyst on the right."}, "reason": "Wrong side"}
    services.correct(version.report_id, revision=1, **said, **by)
    deliver_and_prepare()
    kind, message = told()[-1]
    assert (kind, message.get("OBR", 25), message.get("ORC", 5)) == ("report.corrected", "C", "CM")
    assert lines(message, "19005-8") == [("TX", "Cyst on the right.", "", "C")]
    assert lines(message, "55107-7") == [("TX", "Also a cyst.", "", "C")]
    assert OutboundMessage.objects.last().error == ""


def test_a_preliminary_and_the_final_over_it_go_out_as_p_and_f_with_the_discrepancy_where_it_is_wanted(emr):
    Destination.objects.create(name="QA", kinds=["report.final"], options={"discrepancy": True})
    first = preliminary()
    signer = make_reader("signer")
    by = {"reader": signer, "actor": Actor.of_user(signer), "at": NOON}
    worklist.claim(first.report.item_id, **by)
    said = {"agreement": "major", "agreement_note": "Missed the bleed."}
    services.sign(first.report.item_id, revision=1, **said, **by)
    deliver_and_prepare()
    rows = list(OutboundMessage.objects.order_by("pk").select_related("destination"))
    statuses = [(r.destination.name, parse_message(bytes(r.raw)).get("OBR", 25)) for r in rows]
    assert statuses == [("EMR", "P"), ("EMR", "F"), ("QA", "F")]
    assert lines(parse_message(bytes(rows[0].raw)), "19005-8") == [("TX", "Normal.", "", "P")]
    assert not lines(parse_message(bytes(rows[1].raw)), "AGREEMENT")
    assert lines(parse_message(bytes(rows[2].raw)), "AGREEMENT") == [
        ("CE", "3", "", "F"),
        ("TX", "Missed the bleed.", "", "F"),
    ]
    assert {row.error for row in rows} == {""}


def test_a_critical_finding_is_flagged_and_coded_unless_the_destination_wants_none(emr):
    Destination.objects.create(name="QUIET", kinds=["report.final"], options={"critical": False})
    signed(TEXT | {"critical_level": "red", "critical_finding": "Acute bleed"})
    loud, quiet = (message for _, message in told())
    assert lines(loud, "ACTIONABLE") == [("CE", "RID49480", "AA", "F"), ("TX", "Acute bleed", "AA", "F")]
    assert {flag for _, _, flag, _ in lines(loud, "19005-8")} == {"AA"}
    assert {flag for _, _, flag, _ in lines(loud, "59776-5")} == {""}
    assert not lines(quiet, "ACTIONABLE") and {flag for _, _, flag, _ in lines(quiet, "19005-8")} == {""}


def test_a_destination_may_want_critical_reports_only_and_hears_when_one_is_taken_back(emr):
    kinds = ["report.final", "report.corrected"]
    Destination.objects.update(kinds=kinds, filters={"critical": ["red", "orange"]})
    signed()
    assert not OutboundMessage.objects.exists()
    critical = {"critical_level": "red", "critical_finding": "Acute bleed"}
    services.correct(Report.objects.get().pk, revision=1, sections=critical, reason="Seen late", **(by := _by()))
    none = {"critical_level": "", "critical_finding": ""}
    services.correct(Report.objects.get().pk, revision=2, sections=none, reason="An artefact", **by)
    deliver_and_prepare()
    assert [len(lines(message, "ACTIONABLE")) for _, message in told()] == [2, 0]


def _by():
    reader = User.objects.get(username="reader")
    return {"reader": reader, "actor": Actor.of_user(reader), "at": NOON}


@pytest.mark.parametrize("version", ["2.3.1", "2.5.1"])
def test_the_report_comes_as_pdf_too_where_it_is_wanted(emr, version):
    Destination.objects.update(options={"pdf": True}, hl7_version=version)
    signed(TEXT | {"critical_level": "orange", "critical_finding": "Nodule | x"})
    owed = OutboundMessage.objects.get()
    assert (owed.state, owed.error) == ("queued", "")
    last = parse_message(bytes(owed.raw)).all("OBX")[-1]
    assert [last.text(2), last.text(3), *(last.text(5, n) for n in (1, 2, 3, 4))] == [
        "ED", "18748-4", "", "application", "pdf", "Base64",
    ]  # fmt: skip
    pdf = b64decode(last.text(5, 5), validate=True)
    assert pdf == render_pdf(ReportVersion.objects.get())
    assert "No | mass & no ^shift." in PdfReader(BytesIO(pdf)).pages[0].extract_text()
