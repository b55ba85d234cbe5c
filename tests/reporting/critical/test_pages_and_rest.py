"""Open loops for leads, the record of a call in the room, limits, and how they were kept: pages and REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from reporting.critical import services as critical
from reporting.critical.selectors import kept_limits
from reporting.models import Communication, CriticalFinding, TextDraft
from ris.people.http import zone_of
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_user
from tests.reporting.critical.loops import FINDING, SECRET, marked
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, body, content_type="application/json")


def lead(name: str = "zzlead", site: str = "north") -> User:
    return make_user(name, Role.LEAD, sites=(SiteFactory(code=site),))


def test_a_phone_call_is_recorded_with_the_fields_as_they_stand(settings: Any) -> None:
    reader = make_reader()
    loop = marked(reader, ordering_provider="ZZDOC^RITA")
    item, client = loop.report.item, browser_of(reader)
    room = client.get(f"/reading/{item.pk}/").content.decode()
    assert 'value="ZZDOC, RITA"' in room and "acknowledge by" in room
    client.post(f"/reading/{item.pk}/text/communication/", {"version": "0", "note": "half a word"})
    assert TextDraft.objects.filter(kind="communication", closed_at=None).exists()
    fields = {"receiver": "ZZDOC, RITA", "receiver_role": "Ordering provider", "how": "phone", "read_back": "yes",
              "told_at": "", "note": ""}  # fmt: skip
    kept = client.post(f"/reading/{item.pk}/communication/", fields)
    assert kept.status_code == 200 and "Acknowledged by ZZDOC, RITA" in kept.content.decode()
    row = Communication.objects.get()
    assert (row.told_by, row.how, row.read_back, row.finding_id) == (reader, "phone", True, loop.pk)
    assert abs(row.told_at - timezone.now()) < timedelta(minutes=1)
    assert not TextDraft.objects.filter(kind="communication", closed_at=None).exists(), "sent words are no draft"
    stranger = browser_of(make_reader("zzsouth", sites=(SiteFactory(code="south"),)))
    assert stranger.post(f"/reading/{item.pk}/communication/", fields).status_code == 404
    sent = {"report": loop.report_id, "receiver": "Dr ZZCALL", "receiver_role": "ED", "read_back": True}
    assert post(stranger, "/api/communications/", sent).status_code == 404
    assert Communication.objects.count() == 1
    assert post(client, "/api/communications/", sent).json()["how"] == "phone"


def test_open_loops_stand_before_leads_overdue_first_and_before_nobody_else() -> None:
    first, second = marked(make_reader("zzone")), marked(make_reader("zztwo"))
    critical.set_limit(None, "red", None, by=lead("zzall"), actor=TESTER, at=NOON)
    CriticalFinding.objects.filter(pk=first.pk).update(due_at=timezone.now() + timedelta(hours=1))
    CriticalFinding.objects.filter(pk=second.pk).update(due_at=timezone.now() - timedelta(hours=1))
    client = browser_of(lead())
    page = client.get("/critical/").content.decode()
    assert page.index(f"loop-{second.pk}") < page.index(f"loop-{first.pk}") and "over since" in page and FINDING in page
    desk = client.get("/coordinator/").content.decode()
    assert "Critical, open" in desk and '<a class="tile red" href="/critical/"><b>2</b>' in desk
    rows = client.get("/api/critical-findings/?state=open").json()["results"]
    assert [row["id"] for row in rows] == [second.pk, first.pk]
    south = browser_of(lead("zzsouth", "south"))
    assert SECRET not in south.get("/critical/").content.decode()
    assert south.get("/api/critical-findings/").json()["results"] == []
    assert post(south, f"/api/critical-findings/{first.pk}/acknowledge/", {"name": "x"}).status_code == 404
    reader = browser_of(User.objects.get(username="zzone"))
    assert reader.get("/critical/").status_code == 403
    assert [row["id"] for row in reader.get("/api/critical-findings/").json()["results"]] == [first.pk], "one's own"
    done = post(client, f"/api/critical-findings/{first.pk}/acknowledge/", {"name": "Dr ZZCALL"})
    assert done.json()["acknowledged_name"] == "Dr ZZCALL"
    assert post(client, f"/api/critical-findings/{first.pk}/acknowledge/", {"name": "x"}).status_code == 409


def test_how_limits_were_kept_counts_each_finding_once() -> None:
    loops = [marked(make_reader(f"zzreader{n}")) for n in range(5)]
    for loop, minutes in zip(loops, (10, 30, 90), strict=False):
        critical.acknowledge_finding(loop.pk, by=None, name="x", how="record", actor=TESTER, at=NOON,
                                     received_at=NOON + timedelta(minutes=minutes))  # fmt: skip
    critical.withdraw(loops[3], why="The mark was taken off.", at=NOON)
    boss = lead()
    (row,) = kept_limits(boss, at=NOON + timedelta(minutes=59), zone=zone_of(boss))
    assert (row.marked, row.within, row.late, row.open_late, row.open_in_time) == (4, 2, 1, 0, 1)
    assert (row.percent, row.median_minutes, row.month, row.level) == (67, 30.0, "2026-03", "red")
    (row,) = kept_limits(boss, at=NOON + timedelta(minutes=61), zone=zone_of(boss))
    assert (row.open_late, row.percent) == (1, 50), "what is open and late counts against it"
    assert kept_limits(lead("zzsouth", "south"), at=NOON, zone=zone_of(boss)) == []


def test_a_lead_sets_the_limits_of_their_sites_only() -> None:
    boss, site, south = lead(), SiteFactory(), SiteFactory(code="south")
    client = browser_of(boss)
    assert client.post("/critical/limits/", {"site": site.pk, "level": "red", "minutes": "20"}).status_code == 302
    loop = marked()
    assert loop.due_at == NOON + timedelta(minutes=20)
    assert client.post("/critical/limits/", {"site": south.pk, "level": "red", "minutes": "9"}).status_code == 404
    sent = {"site": site.pk, "level": "red", "minutes": 45}
    assert client.put("/api/critical-limits/", sent, content_type="application/json").status_code == 200
    assert sent in client.get("/api/critical-limits/").json()
    for wrong in ({"minutes": 0}, {"level": "blue"}, {"site": south.pk}):
        answer = client.put("/api/critical-limits/", sent | wrong, content_type="application/json")
        assert answer.status_code in (400, 404)
    loop.refresh_from_db()
    assert loop.limit_minutes == 20, "an open finding keeps the limit it had"
