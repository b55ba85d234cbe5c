from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from interfaces.hl7 import selectors
from interfaces.hl7.inbound import intake
from interfaces.hl7.models import InboundMessage, OutboundMessage
from interfaces.hl7.operations import services
from interfaces.hl7.operations.message_filter import MessageFilter
from interfaces.hl7.operations.preview import preview_message
from interfaces.hl7.web import message_view
from ris.audit.models import AuditEvent
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.orders.models import Order
from ris.patients.models import Patient
from ris.people.roles import Role
from tests.factories import TESTER, SiteFactory, make_user
from tests.interfaces.hl7.emr import destination, owed
from tests.interfaces.hl7.hl7 import NOON, message, msh, orc, order, pid, take

pytestmark = pytest.mark.django_db

WHO = {"actor": TESTER, "at": NOON}


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def refused() -> InboundMessage:
    return take(message(msh("ORM^O01", control_id="BAD"), pid(), orc(), "OBR|1|P1^EMR"))


def mended(row: InboundMessage) -> str:
    return message_view.decode_for_display(bytes(row.raw)).replace("OBR|1|P1^EMR", "OBR|1|P1^EMR||CTHEADWO^CT head^L")


def to_mend(viewer):
    return MessageFilter(state="attention").filter_rows(selectors.inbound_for(viewer))


def test_a_preview_says_what_would_change_and_changes_nothing():
    row = refused()
    found = services.preview_replay(row.pk, text=mended(row), at=NOON)
    assert (found.state, found.answer_code) == ("applied", "AA")
    assert any(effect[:2] == ["placed", "Order"] for effect in found.effects)
    assert {"order.place", "patient.create"} <= {change.action for change in found.changes}
    assert not Order.objects.exists()
    assert not Patient.objects.exists()
    assert InboundMessage.objects.count() == 1


def test_an_edited_message_is_replayed_audited_and_no_longer_needs_attention():
    row, analyst = refused(), make_user("analyst", Role.ANALYST, sites=(SiteFactory(),))
    assert list(to_mend(analyst)) == [row]
    copy = services.replay(row.pk, text=mended(row), reason="code was missing", **WHO)
    assert (copy.state, copy.edit_of_id) == ("applied", row.pk)
    assert Order.objects.count() == 1
    assert AuditEvent.objects.filter(action="hl7.replay", reason="code was missing").exists()
    assert not to_mend(analyst).exists()
    row.refresh_from_db()
    assert row.state == "refused"


def test_a_refused_message_is_replayed_as_it_came_once_the_tables_are_mended():
    from interfaces.hl7.models import Peer

    row = take(message(msh("ORM^O01", control_id="NOUID"), pid(), orc("QQ")))
    assert Peer.objects.exists()
    with pytest.raises(Invalid):
        services.replay(row.pk, reason=" ", **WHO)
    assert services.replay(row.pk, reason="again", **WHO).state == "refused"


def test_a_resend_after_a_successful_replay_gets_its_answer(monkeypatch):
    from interfaces.hl7.inbound.orders import handler

    raw = order("ZX", control_id="LATER")
    assert take(raw).answer_code == "AE"
    monkeypatch.setitem(handler.CONTROL, "ZX", "new")
    services.replay(InboundMessage.objects.get().pk, reason="code is known now", **WHO)
    again = take(raw)
    assert (again.state, again.answer_code) == ("duplicate", "AA")


def test_a_character_that_the_message_cannot_hold_is_refused_when_editing():
    row = take(
        message(msh("ORM^O01", charset="8859/1"), pid(name="ZZTEST^J\u00f6rg"), orc(), "OBR|1")
        .decode()
        .encode("latin-1")
    )
    with pytest.raises(Invalid):
        services.preview_replay(row.pk, text="MSH|^~\\&|\u4e2d", at=NOON)


def test_resending_gives_a_new_control_id_and_keeps_the_place_in_the_lane():
    to = destination(0)
    row = owed(to)
    row.state = "stopped"
    row.save()
    again = services.resend(row.pk, reason="the peer was mended", **WHO)
    assert (again.state, again.pk) == ("queued", row.pk)
    assert again.control_id != row.control_id
    assert again.control_id.encode() in bytes(again.raw)


def test_skipping_lets_the_lane_go_on_and_a_sent_message_cannot_be_skipped():
    from interfaces.hl7.outbound.queue import next_message

    to = destination(0)
    first, second = owed(to, number=1), owed(to, number=2)
    OutboundMessage.objects.filter(pk=first.pk).update(state="stopped")
    assert next_message(to, NOON) is None
    services.skip(first.pk, reason="told by phone", **WHO)
    assert next_message(to, NOON) == second
    OutboundMessage.objects.filter(pk=second.pk).update(state="sent")
    with pytest.raises(Conflict):
        services.skip(second.pk, reason="x", **WHO)


def test_a_destination_is_paused_with_a_reason_and_resumed():
    to = destination(0)
    services.pause(to.pk, reason="maintenance", **WHO)
    with pytest.raises(Conflict):
        services.pause(to.pk, reason="again", **WHO)
    services.resume(to.pk, **WHO)
    actions = list(AuditEvent.objects.filter(subject="Destination").values_list("action", "reason"))
    assert actions == [("hl7.pause", "maintenance"), ("hl7.resume", "")]


def test_a_parsed_message_shows_field_names():
    row = take(order())
    segments = {
        s.name: {f.place: (f.name, f.text) for f in s.fields} for s in message_view.parse_for_display(bytes(row.raw))
    }
    assert segments["PID"]["PID-5"] == ("Patient name", "ZZTEST ALPHA")
    assert segments["OBR"]["OBR-4"][1] == "CTHEADWO CT head without contrast L"


def test_queues_and_tallies_count_what_waits():
    analyst = make_user("analyst", Role.ANALYST, sites=(SiteFactory(),))
    refused(), take(order())
    to = destination(0)
    owed(to)
    assert {t.state: t.count for t in selectors.inbound_tally(analyst, since=NOON)} == {"applied": 1, "refused": 1}
    (queue,) = selectors.queues(analyst)
    assert (queue.waiting, queue.oldest) == (1, NOON)


def test_messages_of_a_foreign_site_are_not_to_be_seen():
    row = take(order())
    assert row.site is not None
    stranger = make_user("stranger", Role.ANALYST, sites=(SiteFactory(code="south"),))
    assert not selectors.inbound_for(stranger).exists()
    with pytest.raises(NotFound):
        selectors.inbound_message(stranger, row.pk)


def test_a_preview_of_a_duplicate_says_so():
    raw = order(control_id="DUP")
    take(raw)
    assert preview_message(raw, at=NOON).state == "duplicate"


def test_a_preview_shows_its_own_changes_and_none_that_somebody_else_makes_meanwhile(monkeypatch):
    real = intake.process_message

    def decide_while_another_writes(pk, *, at):
        AuditEvent.objects.create(at=at, actor="somebody else", action="patient.view", subject="Patient")
        return real(pk, at=at)

    monkeypatch.setattr(intake, "process_message", decide_while_another_writes)
    actions = {change.action for change in preview_message(order(), at=NOON).changes}
    assert "order.place" in actions and "patient.view" not in actions


class TestOverRest:
    def client(self, role: Role = Role.ANALYST) -> APIClient:
        client = APIClient()
        client.force_authenticate(make_user(role.name.lower(), role, sites=(SiteFactory(),)))
        return client

    def test_an_analyst_lists_looks_previews_and_replays(self):
        row, client = refused(), self.client()
        listed = client.get("/api/hl7/inbound/", {"state": "attention"})
        assert [r["id"] for r in listed.data["results"]] == [row.pk]
        detail = client.get(f"/api/hl7/inbound/{row.pk}/").data
        assert detail["segments"][0]["name"] == "MSH"
        text = detail["text"].replace("OBR|1|P1^EMR", "OBR|1|P1^EMR||CTHEADWO")
        seen = client.post(f"/api/hl7/inbound/{row.pk}/preview/", {"text": text}, format="json")
        assert seen.data["state"] == "applied"
        done = client.post(f"/api/hl7/inbound/{row.pk}/replay/", {"text": text, "reason": "r"}, format="json")
        assert (done.status_code, done.data["state"]) == (201, "applied")

    def test_others_may_not(self):
        row = refused()
        assert self.client(Role.RADIOLOGIST).get("/api/hl7/inbound/").status_code == 403
        lead = self.client(Role.LEAD)
        assert lead.get("/api/hl7/inbound/").status_code == 200
        assert lead.post(f"/api/hl7/inbound/{row.pk}/replay/", {"reason": "x"}, format="json").status_code == 403

    def test_queues_are_paused_resent_and_skipped(self):
        to = destination(0)
        row, client = owed(to), self.client()
        assert client.get("/api/hl7/destinations/").data[0]["waiting"] == 1
        assert client.post(f"/api/hl7/destinations/{to.pk}/pause/", {"reason": "r"}, format="json").status_code == 200
        assert client.post(f"/api/hl7/destinations/{to.pk}/resume/").status_code == 200
        assert client.get("/api/hl7/outbound/").data["results"][0]["id"] == row.pk
        assert (
            client.post(f"/api/hl7/outbound/{row.pk}/skip/", {"reason": "r"}, format="json").data["state"] == "skipped"
        )
