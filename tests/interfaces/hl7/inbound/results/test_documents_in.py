"""MDM: documents of other systems are kept with their exam or patient, replaced, and withdrawn."""

from __future__ import annotations

import base64

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.models import InboundMessage
from reporting.models import OutsideDocument
from ris.catalog.models import Site
from ris.orders.models import Order
from ris.patients.models import Patient
from ris.people.roles import Role
from tests.factories import make_user
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, order, pid, seg, take

pytestmark = pytest.mark.django_db
PDF = base64.b64encode(b"%PDF-1.4\nZZTEST\n%%EOF\n").decode()
TEXT = ("OBX|1|TX|18748-4^Report^LN||No bleed.", "OBX|2|TX|18748-4^Report^LN||Normal.")


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def mdm(event: str, *content: str, hour: int = 13, txa: dict[int, str] | None = None, patient: str = "T100",
        ) -> InboundMessage:  # fmt: skip
    fields = {1: "1", 2: "DI", 9: "7^ZZELSE^IVY", 12: "DOC1", 15: "", 17: "AU"} | (txa or {})
    header = msh(f"MDM^{event}", at=f"20260310{hour}0000", version="2.5.1")
    return take(message(header, f"EVN|{event}|20260310120000", pid(patient), "PV1|1|O", seg("TXA", fields), *content))


def standing() -> list[str]:
    rows = OutsideDocument.objects.filter(replaced_at=None, withdrawn_at=None)
    return [bytes(row.content).decode() for row in rows.order_by("pk")]


def test_a_text_is_kept_with_the_exam_that_txa_names_and_shown_on_the_patients_page():
    take(order("NW"))
    row = mdm("T02", *TEXT, txa={14: "P1", 16: "Outside head CT"})
    assert (row.answer_code, row.state) == ("AA", "applied"), row.reason
    document = OutsideDocument.objects.get()
    assert document.procedure == Order.objects.get().procedures.get()
    assert (document.author, document.status, standing()) == ("ZZELSE^IVY", "F", ["No bleed.\nNormal."])
    web = Client()
    web.force_login(make_user("rae", Role.RADIOLOGIST, sites=(Site.objects.get(),)))
    page = web.get(reverse("reporting:documents", args=[document.patient_id])).content.decode()
    assert "Outside head CT" in page


def test_a_pdf_of_a_patient_without_an_exam_is_theirs():
    row = mdm("T02", f"OBX|1|ED|18748-4^Report^LN||^application^pdf^Base64^{PDF}")
    assert row.state == "applied", row.reason
    document = OutsideDocument.objects.get()
    assert (document.media_type, document.procedure, document.patient) == (
        "application/pdf",
        None,
        Patient.objects.get(),
    )


def test_an_edit_takes_the_place_of_the_document_and_an_older_one_does_not():
    mdm("T02", *TEXT)
    mdm("T08", "OBX|1|TX|||A small bleed.", hour=15)
    mdm("T08", "OBX|1|TX|||Said before.", hour=14)
    assert standing() == ["A small bleed."]


def test_a_replacement_has_its_own_number_and_can_be_cancelled():
    mdm("T02", *TEXT)
    mdm("T10", "OBX|1|TX|||Another text.", hour=14, txa={12: "DOC2", 13: "DOC1"})
    assert standing() == ["Another text."]
    assert mdm("T11", hour=15, txa={12: "DOC2"}).state == "applied"
    assert standing() == []


def test_what_is_cancelled_and_unknown_and_what_is_empty():
    assert (mdm("T11").answer_code, mdm("T11", hour=14).state) == ("AA", "ignored")
    refused = mdm("T02", txa={12: "DOC9"})
    assert (refused.answer_code, refused.faults[0][:2]) == ("AE", ["101", "OBX-5"])
    assert mdm("T02", *TEXT, txa={12: ""}).faults[0][1] == "TXA-12"
    assert mdm("T01", hour=16).state == "ignored"


def test_a_document_under_another_patients_number_is_not_kept():
    take(order("NW"))
    take(message(msh("ADT^A04"), "EVN|A04|20260310120000", pid("T900", name="ZZOTHER^CARL", born="19900101", sex="M")))
    row = mdm("T02", *TEXT, txa={14: "P1"}, patient="T900")
    assert row.answer_code == "AE"
    assert not OutsideDocument.objects.exists()


def attached(content: str) -> bytes:
    """An order with a referral letter."""
    letter = f"OBX|1|ED|LETTER^Referral letter^L||^application^pdf^Base64^{content}"
    return message(msh("ORM^O01", version="2.5.1"), pid(), orc(), obr(), letter)


def test_a_letter_that_comes_with_an_order_is_kept_with_the_patient_once():
    assert take(attached(PDF)).state == "applied"
    take(attached(PDF))
    document, placed = OutsideDocument.objects.get(), Order.objects.get()
    assert (document.accession, document.patient, document.procedure) == (placed.accession, placed.patient, None)
    assert (document.title, standing()) == ("With the order: Referral letter", ["%PDF-1.4\nZZTEST\n%%EOF\n"])


def test_a_letter_that_cannot_be_read_does_not_stop_the_order():
    row = take(attached("[ENCODED]"))
    assert (row.answer_code, Order.objects.count(), OutsideDocument.objects.count()) == ("AA", 1, 0)
    assert any("cannot be decoded" in warning for warning in row.warnings)
