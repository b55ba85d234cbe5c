from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.inbound.intake import Arrival, process_message, store_messages
from interfaces.hl7.models import Destination, InboundMessage, OutboundMessage
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.orders.models import Order
from ris.people.roles import Role
from tests.factories import DeviceFactory, ProcedureFactory, make_user

from .conftest import client_of

NW = (
    "MSH|^~\\&|DEMOEMR|NORTH|RIS|RAD|20260310120000+0000||ORM^O01|C{number}|P|2.3.1\r"
    "PID|||DEMO9^^^NORTH^MR||DEMO-WREN^Ada||19600102|F\r"
    "ORC|NW|P{number}^DEMOEMR\rOBR|1|P{number}^DEMOEMR||CTHEADWO^CT head^L\r"
)


@pytest.fixture
def analyst(site: Site) -> Client:
    ProcedureFactory()
    DeviceFactory(site=site)
    return client_of(make_user("ana", Role.ANALYST, sites=(site,)))


def take(text: str) -> InboundMessage:
    at = now()
    (pk,) = store_messages([Arrival(text.encode(), "127.0.0.1", at)])
    return process_message(pk, at=at)


def test_a_message_is_shown_raw_beside_parsed_with_what_it_changed(analyst: Client) -> None:
    message = take(NW.format(number=1))
    order = Order.objects.get()
    shown = analyst.get(reverse("hl7:inbound", args=[message.pk])).content.decode()
    assert "PID-5" in shown and "Patient name" in shown and "DEMO-WREN Ada" in shown
    assert reverse("orders:detail", args=[order.pk]) in shown
    listed = analyst.get(reverse("hl7:messages")).content.decode()
    assert reverse("hl7:inbound", args=[message.pk]) in listed


def test_an_edit_is_previewed_without_a_trace_and_then_replayed_with_a_reason(analyst: Client) -> None:
    message = take(NW.format(number=2).replace("ORM^O01", "ORM^Q99"))
    edit = reverse("hl7:edit", args=[message.pk])
    text = NW.format(number=2).replace("\r", "\n")
    preview = analyst.post(edit, {"text": text, "do": "preview"}).content.decode()
    assert "Applied" in preview and not Order.objects.exists()
    assert analyst.post(edit, {"text": text, "do": "replay"}).status_code == 400
    assert analyst.post(edit, {"text": text, "do": "replay", "reason": "Wrong event"}).status_code == 302
    assert Order.objects.count() == 1


def test_garbage_is_kept_and_shown_as_text(analyst: Client) -> None:
    message = take("<script>alert(1)</script>\x00\xff")
    shown = analyst.get(reverse("hl7:inbound", args=[message.pk])).content.decode()
    assert "ript&gt;alert(1)&lt;/script&gt;" in shown and "<script>alert" not in shown
    assert "could not be read" in shown


def test_messages_are_found_by_patient_accession_and_control_id(analyst: Client) -> None:
    first, second = (
        take(NW.format(number=3)),
        take(NW.format(number=4).replace("DEMO9", "DEMO8").replace("WREN", "OWL")),
    )
    for text in ("C3", "demo-wren", Order.objects.order_by("pk").first().accession):
        shown = analyst.post(reverse("hl7:messages"), {"text": text}).content.decode()
        assert (
            reverse("hl7:inbound", args=[first.pk]) in shown and reverse("hl7:inbound", args=[second.pk]) not in shown
        )


@pytest.mark.parametrize("state", ["queued", "stopped", "invalid", "sent"])
def test_what_goes_out_is_shown_by_its_own_states(analyst: Client, state: str) -> None:
    assert analyst.get(reverse("hl7:messages"), {"way": "out", "state": state}).status_code == 200


def test_what_there_is_to_mend_is_counted_until_it_is_mended(analyst: Client) -> None:
    message = take(NW.format(number=7).replace("ORM^O01", "ORM^Q99"))
    assert "<b>1</b>" in analyst.get(reverse("hl7:messages"), {"state": "attention"}).content.decode()
    said = {"text": NW.format(number=7).replace("\r", "\n"), "do": "replay", "reason": "Wrong event"}
    analyst.post(reverse("hl7:edit", args=[message.pk]), said)
    shown = analyst.get(reverse("hl7:messages"), {"state": "attention"}).content.decode()
    assert "No message here" in shown and reverse("hl7:inbound", args=[message.pk]) not in shown


def test_what_came_in_is_narrowed_by_sender_type_and_time(analyst: Client) -> None:
    message = take(NW.format(number=6))
    row, where = reverse("hl7:inbound", args=[message.pk]), reverse("hl7:messages")
    shown = {"type": "ORM^O01", "peer_id": message.peer_id, "since": "2026-03-01T00:00"}
    assert row in analyst.get(where, shown).content.decode()
    for hidden in ({"type": "ADT"}, {"peer_id": 999}, {"until": "2026-03-01T00:00"}):
        assert row not in analyst.get(where, hidden).content.decode()
    assert analyst.get(where, {"since": "soon"}).status_code == 400


def test_a_destination_is_paused_with_a_reason_and_resumed(analyst: Client) -> None:
    emr, _ = Destination.objects.get_or_create(name="EMR")
    pause = reverse("hl7:pause", args=[emr.pk])
    assert analyst.post(pause).status_code == 400
    analyst.post(pause, {"reason": "Upgrade"})
    assert "Upgrade" in analyst.get(reverse("hl7:messages"), {"way": "out"}).content.decode()
    analyst.post(reverse("hl7:resume", args=[emr.pk]))
    emr.refresh_from_db()
    assert emr.paused_at is None


def test_a_lead_looks_and_does_not_mend(site: Site, analyst: Client) -> None:
    message = take(NW.format(number=5))
    lead = client_of(make_user("lee", Role.LEAD, sites=(site,)))
    assert "Replay" not in lead.get(reverse("hl7:inbound", args=[message.pk])).content.decode()
    assert lead.post(reverse("hl7:replay", args=[message.pk]), {"reason": "x"}).status_code == 403


def test_lanes_that_a_person_has_to_look_at_and_undelivered_reports_are_listed(analyst: Client, site: Site) -> None:
    to = Destination.objects.create(name="EMR", host="127.0.0.1", port=1)
    values = {"destination": to, "kind": "order.status", "raw": b"MSH|", "created_at": now(), "site": site}
    for number, (lane, state) in enumerate([("NO1", "stopped"), ("NO1", "queued"), ("NO2", "sent"), ("NO3", "queued")]):
        OutboundMessage.objects.create(
            lane=lane, state=state, source=f"t:{number}", control_id=f"L{number}", **values,
            error="No such order" if state == "stopped" else "",
        )  # fmt: skip
    shown = analyst.get(reverse("hl7:messages"), {"way": "out"}).content.decode()
    assert "EMR, NO1" in shown and "No such order" in shown and "1 waits" in shown
    assert "EMR, NO3" not in shown
    assert analyst.get(reverse("hl7:messages"), {"way": "out", "state": "undelivered"}).status_code == 200
