from __future__ import annotations

import pytest

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.reading import read
from reporting import services
from ris.audit.actor import Actor
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from tests.factories import NOON
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist

pytestmark = pytest.mark.django_db

TEXT = {"findings": "No bleed.\n\nNo | mass & no ^shift.", "impression": "Normal ümlaut."}


@pytest.fixture
def emr(db):
    kinds = ["report.preliminary", "report.final", "report.addendum"]
    return Destination.objects.create(name="EMR", kinds=kinds)


def signed(**order):
    reader = make_reader()
    reader.last_name, reader.first_name, reader.npi = "ZZREADER", "RITA", "123"
    reader.save()
    by = {"reader": reader, "actor": Actor.of_user(reader), "at": NOON}
    item = worklist.claim(make_item(placer_number="P1", placer_authority="EMRSYS", **order).pk, **by)
    report = services.save_draft(item.pk, revision=0, sections=TEXT, **by)
    version = services.sign(item.pk, revision=report.revision, **by)
    deliver_owed(at=NOON)
    return version, by


def test_signing_owes_the_emr_one_final_result(emr):
    version, _ = signed()
    owed = OutboundMessage.objects.get()
    assert (owed.kind, owed.state, owed.error) == ("report.final", "queued", "")
    assert owed.lane == version.report.procedure.order.accession
    found = read(bytes(owed.raw))
    obr, order = found.first("OBR"), version.report.procedure.order
    assert found.header.text(9) + "^" + found.header.text(9, 2) == "ORU^R01"
    assert (found.get("ORC", 2), found.get("ORC", 2, 2), found.get("ORC", 3)) == ("P1", "EMRSYS", order.filler_number)
    assert (obr.text(18), obr.text(25)) == (order.accession, "F")
    assert (obr.text(32, 1, 1), obr.text(32, 1, 2)) == ("123", "ZZREADER")


def test_text_comes_line_by_line_with_the_impression_apart_and_the_study_named(emr):
    version, _ = signed()
    obx = read(bytes(OutboundMessage.objects.get().raw)).all("OBX")
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
    deliver_owed(at=NOON)
    last = OutboundMessage.objects.order_by("pk").last()
    found = read(bytes(last.raw))
    assert (last.kind, found.get("OBR", 25)) == ("report.addendum", "A")
    assert [s.text(5) for s in found.all("OBX")][1:] == [
        "No bleed.", "", "No | mass & no ^shift.", "Normal ümlaut.", "Also a cyst.",
    ]  # fmt: skip


def test_the_same_fact_delivered_twice_owes_one_message(emr):
    from interfaces.hl7.subscribers import tell_destinations
    from ris.kernel.events import revive
    from ris.kernel.models import Record

    signed()
    tell_destinations(revive(Record.objects.get(kind="ReportSigned")))
    assert OutboundMessage.objects.count() == 1


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1"])
def test_what_is_sent_is_valid_in_every_version_offered(emr, version):
    Destination.objects.update(hl7_version=version)
    signed()
    assert OutboundMessage.objects.get().error == ""


def test_a_character_the_destination_cannot_write_is_escaped_not_lost(emr):
    Destination.objects.update(charset="ASCII")
    signed()
    raw = bytes(OutboundMessage.objects.get().raw)
    assert raw.isascii()
    assert read(raw).all("OBX")[-1].text(5) == "Normal ümlaut."


def test_a_message_that_does_not_validate_is_held_shown_and_alarmed(emr, monkeypatch):
    from interfaces.hl7 import outbox

    monkeypatch.setattr(outbox, "why_invalid", lambda text: "OBR is missing")
    signed()
    owed = OutboundMessage.objects.get()
    assert (owed.state, owed.error) == ("invalid", "OBR is missing")
    assert Alarm.objects.get().kind == "hl7-message-invalid"


def test_a_destination_that_does_not_want_it_gets_nothing(emr):
    Destination.objects.update(kinds=["report.addendum"])
    signed()
    assert not OutboundMessage.objects.exists()
