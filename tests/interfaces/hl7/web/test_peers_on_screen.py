"""Senders and their tables, on screen, by CSV and over REST."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from interfaces.hl7.models import MapEntry, Peer, UnknownValue
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.orders.models import Order
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, pid, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def peer(hospital: Site) -> Peer:
    return Peer.objects.create(application="EMR", facility="NORTH", name="EMR")


@pytest.fixture
def screen(hospital: Site) -> Client:
    client = Client()
    client.force_login(make_user("ana", Role.ANALYST, sites=(hospital,)))
    return client


@pytest.fixture
def rest(hospital: Site) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user("rob", Role.ANALYST, sites=(hospital,)))
    return client


def unmapped(placer: str = "P1") -> None:
    request = obr(placer, "LOCAL1^Kopf^X", fields={24: "?!"})
    take(message(msh("ORM^O01"), pid(sex="W"), orc("NW", placer, timing="^^^^^SOON"), request))


def test_values_that_nobody_mapped_are_counted_and_offered_and_mapped_by_one_click(peer: Peer, screen: Client):
    unmapped()
    unmapped("P2")
    met = set(UnknownValue.objects.values_list("table", "given", "text", "times"))
    assert met == {
        ("procedure", "LOCAL1", "Kopf", 2), ("priority", "SOON", "", 2), ("sex", "W", "", 2), ("modality", "?!", "", 2),
    }  # fmt: skip
    where = reverse("hl7:peer", args=[peer.pk])
    assert "mapped by nobody" in screen.get(where).content.decode()
    assert "4 values" in screen.get(reverse("hl7:peers")).content.decode()
    line = reverse("hl7:set-entry", args=[peer.pk])
    assert screen.post(line, {"table": "procedure", "given": "LOCAL1", "meant": "NOTHING"}).status_code == 400
    assert screen.post(line, {"table": "procedure", "given": "LOCAL1", "meant": "CTHEADWO"}).status_code == 302
    assert not UnknownValue.objects.filter(table="procedure").exists()
    take(message(msh("ORM^O01", at="20260310130000"), pid(), orc("XO"), obr(code="LOCAL1^Kopf^X")))
    mended = Order.objects.get(placer_number="P1")
    assert (mended.procedures.get().code, mended.flags) == ("CTHEADWO", [])


def test_a_line_is_taken_out_again(peer: Peer, screen: Client):
    screen.post(reverse("hl7:set-entry", args=[peer.pk]), {"table": "sex", "given": "W", "meant": "f"})
    entry = MapEntry.objects.get()
    assert entry.meant == "F"
    assert "W" in screen.get(reverse("hl7:peer", args=[peer.pk]), {"table": "sex"}).content.decode()
    screen.post(reverse("hl7:drop-entry", args=[entry.pk]))
    assert not MapEntry.objects.exists()


BAD = """table;given;meant;text
priority;rush;NOW;
sex;X;Z;
station;modality CT;CT1;
procedure;A;NOTHERE;
modality;B;!;
site;C;nowhere;
sex;W;F;weiblich
sex;w;F;
zzz;1;2;
station;modality=CT;A TITLE THAT IS TOO LONG;
sex;;F;
"""


def test_a_bad_file_changes_nothing_and_names_every_bad_row_with_column_and_cure(peer: Peer, screen: Client):
    screen.post(reverse("hl7:set-entry", args=[peer.pk]), {"table": "location", "given": "A", "meant": "B"})
    where = reverse("hl7:tables", args=[peer.pk])
    answer = screen.post(where, {"file": SimpleUploadedFile("t.csv", BAD.encode("cp1252"))})
    shown = answer.content.decode()
    assert answer.status_code == 400 and "10 rows cannot be right" in shown
    for line, cure in ((2, "STAT, HIGH"), (3, "F, M, O"), (4, "joined by &amp;"), (5, "catalog"), (7, "north")):
        assert f"Line {line}" in shown and cure in shown
    assert MapEntry.objects.get().given == "A"
    assert screen.post(where).status_code == 400


def test_tables_go_out_as_a_file_and_come_back(peer: Peer, screen: Client):
    screen.post(reverse("hl7:set-entry", args=[peer.pk]), {"table": "sex", "given": "W", "meant": "F"})
    where = reverse("hl7:tables", args=[peer.pk])
    out = screen.get(where)
    assert out["Content-Type"].startswith("text/csv") and "sex,W,F," in out.content.decode()
    file = SimpleUploadedFile("t.csv", b"\xef\xbb\xbf" + out.content + b"sex,D,O,divers\n")
    assert screen.post(where, {"file": file}).status_code == 302
    assert MapEntry.objects.count() == 2


def test_settings_are_saved_checked_and_guarded_against_two_who_change_them(peer: Peer, screen: Client):
    where = reverse("hl7:peer", args=[peer.pk])
    said = {
        "version": 1, "authority": "STATE", "charset": "8859/1", "obr4": "protocol", "uid_policy": "reject",
        "results": "ai", "ack_style": "order", "busy_answer": "AE", "full_picture": "on",
        "attributes": "ZPI-3 = patient.alerts\nzal-2.1=patient.allergies",
    }  # fmt: skip
    assert screen.post(where, said).status_code == 302
    assert screen.post(where, said).status_code == 409
    peer.refresh_from_db()
    assert (peer.authority, peer.busy_answer, peer.full_picture, peer.version) == ("STATE", "AE", True, 2)
    assert peer.attributes == {"ZPI-3": "patient.alerts", "ZAL-2.1": "patient.allergies"}
    for wrong in (
        {"attributes": "ZPI = patient.alerts"},
        {"attributes": "ZPI-3 = x"},
        {"charset": "EBCDIC"},
        {"time_zone": "Mars"},
    ):
        assert screen.post(where, said | {"version": 2} | wrong).status_code == 400
    assert AuditEvent.objects.filter(action="hl7.set-up-peer").count() == 1


def test_a_senders_messages_may_be_ignored_by_type(peer: Peer, screen: Client):
    where = reverse("hl7:peer", args=[peer.pk])
    said = {"version": 1, "ignored_events": "adt^a31\nADT^A08", "obr4": "procedure", "uid_policy": "generate"}
    said |= {"results": "auto", "ack_style": "ack", "busy_answer": "AR"}
    assert screen.post(where, said).status_code == 302
    peer.refresh_from_db()
    assert (peer.ignored_events, peer.most_orders) == (["ADT^A31", "ADT^A08"], 200)
    row = take(message(msh("ADT^A31"), pid()))
    assert (row.answer_code, row.state) == ("AA", "ignored")
    assert "settings" in row.reason
    assert screen.post(where, said | {"version": 2, "ignored_events": "everything"}).status_code == 400


def test_fields_of_z_segments_become_attributes(peer: Peer):
    Peer.objects.update(
        attributes={"ZAL-1.2": "patient.allergies", "ZOR-1": "order.comments", "ZOR-2": "order.clinical_info"}
    )
    rest = ["NTE|1||first", "ZAL|x^Latex~y^Iodine", "ZOR|by phone|fell"]
    take(message(msh("ORM^O01"), pid(), "AL1|1||^Nuts", orc(), obr(fields={13: "pain"}), *rest))
    placed = Order.objects.get()
    assert (placed.comments, placed.clinical_info) == ("first\nby phone", "pain\nfell")
    assert placed.patient.allergies == ["Nuts", "Latex"]


def test_tables_for_all_senders_are_for_those_who_work_at_every_site(peer: Peer, screen: Client):
    line, said = reverse("hl7:set-entry", args=[0]), {"table": "sex", "given": "W", "meant": "F"}
    assert screen.post(line, said).status_code == 302
    assert screen.get(reverse("hl7:peer", args=[0])).status_code == 200
    assert screen.get(reverse("hl7:tables", args=[0])).status_code == 200
    assert screen.post(reverse("hl7:peer", args=[0])).status_code == 400
    SiteFactory(code="south")
    assert screen.post(line, said).status_code == 403
    peer.site = SiteFactory(code="south")
    peer.save()
    assert screen.get(reverse("hl7:peer", args=[peer.pk])).status_code == 404


def test_a_lead_looks_and_does_not_change(peer: Peer, hospital: Site):
    lead = Client()
    lead.force_login(make_user("lee", Role.LEAD, sites=(hospital,)))
    where = reverse("hl7:peer", args=[peer.pk])
    assert "Write the line" not in lead.get(where).content.decode()
    assert lead.post(where, {}).status_code == 403
    assert lead.post(reverse("hl7:tables", args=[peer.pk])).status_code == 403


def test_over_rest_lines_are_written_changed_and_taken_out(peer: Peer, rest: APIClient):
    said = {"peer": peer.pk, "table": "sex", "given": "W", "meant": "F"}
    made = rest.post("/api/hl7/entries/", said, format="json")
    assert made.status_code == 201
    one = f"/api/hl7/entries/{made.data['id']}/"
    assert rest.get(one).data["meant"] == "F"
    changed = rest.put(one, said | {"given": "D", "meant": "O"}, format="json")
    assert [row["given"] for row in rest.get("/api/hl7/entries/", {"peer": peer.pk}).data] == ["D"]
    assert rest.put(f"/api/hl7/entries/{changed.data['id']}/", said | {"meant": "Z"}, format="json").status_code == 400
    assert MapEntry.objects.count() == 1
    assert rest.delete(f"/api/hl7/entries/{changed.data['id']}/").status_code == 204
    assert rest.get("/api/hl7/entries/").data == []


def test_over_rest_settings_unknown_values_and_csv(peer: Peer, rest: APIClient):
    unmapped()
    one = f"/api/hl7/peers/{peer.pk}/"
    assert [row["id"] for row in rest.get("/api/hl7/peers/").data] == [peer.pk]
    version = rest.get(one).data["version"]
    patched = rest.patch(one, {"version": version, "attributes": {"ZPI-3": "patient.alerts"}}, format="json")
    assert patched.data["attributes"] == {"ZPI-3": "patient.alerts"}
    assert rest.patch(one, {"version": version}, format="json").status_code == 409
    said = {
        "accession_field": "zds-4.1", "ignored_events": ["ADT^A31"], "after_cancel": "refuse", "too_late": "ignore",
        "ack_mode": "original", "most_orders": 20, "duplicate_days": 0, "other_orders": "refuse",
        "version": version + 1,
    }  # fmt: skip
    patched = rest.patch(one, said, format="json")
    assert patched.status_code == 200, patched.data
    assert {name: patched.data[name] for name in said} == said | {"accession_field": "ZDS-4.1", "version": version + 2}
    version += 1
    bad = rest.patch(one, {"version": version + 1, "accession_field": "the third"}, format="json")
    assert (bad.status_code, "OBR-18" in str(bad.json())) == (400, True)
    assert rest.patch(one, {"version": version + 1, "charset": "EBCDIC"}, format="json").status_code == 400
    assert {row["given"] for row in rest.get(f"{one}unknown/").data} >= {"LOCAL1", "SOON"}
    bad = rest.put(f"{one}tables/", {"text": "table,given,meant\nsex,W,Z\n"}, format="json")
    assert (bad.status_code, bad.json()["at"]) == (400, "line 2, meant")
    assert rest.put(f"{one}tables/", {"text": "table,given,meant\nsex,W,F\n"}, format="json").data == {"lines": 1}
    assert "sex,W,F" in rest.get(f"{one}tables/").content.decode()
