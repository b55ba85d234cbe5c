"""A destination that is added later is told of what happened before; nothing goes to it twice."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from interfaces.hl7 import tasks
from interfaces.hl7.models import BackFill, Destination, OutboundMessage
from interfaces.hl7.outbound import backfill
from interfaces.hl7.v2.parser import parse_message
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.relay import deliver_owed
from ris.people.roles import Role
from tests.factories import NOON, TESTER, make_order, make_user
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db

DAY = {"since": NOON - timedelta(hours=12), "until": NOON + timedelta(hours=12)}
WHO = {"actor": TESTER, "at": NOON}
KINDS = ["report.final", "order.scheduled", "charge"]


@pytest.fixture
def late() -> Destination:
    """It comes when an order was placed, done and reported already."""
    signed(make_reader(), placer_number="P1", placer_authority="EMR")
    deliver_owed(at=NOON)
    return Destination.objects.create(name="LATE", kinds=KINDS)


def filled(to: Destination) -> BackFill:
    job = backfill.start(to.pk, reason="it is new", **DAY, **WHO)
    tasks.back_fill()
    return job.reread()


def kinds_of(to: Destination) -> list[str]:
    return list(OutboundMessage.objects.filter(destination=to).order_by("pk").values_list("kind", flat=True))


def test_it_is_told_in_order_what_it_would_have_been_told(late: Destination) -> None:
    job = filled(late)
    assert (job.state, job.owed, job.done) == ("done", 3, job.total)
    assert kinds_of(late) == ["order.scheduled", "charge", "report.final"]
    assert parse_message(bytes(OutboundMessage.objects.last().raw)).header.text(9)
    assert AuditEvent.objects.get(action="hl7.back-fill").reason == "it is new"


def test_what_it_was_told_before_is_not_queued_again(late: Destination) -> None:
    assert backfill.count(late.pk, **DAY).kinds == {"charge": 1, "order.scheduled": 1, "report.final": 1}
    filled(late)
    OutboundMessage.objects.update(state="sent")
    again = backfill.count(late.pk, **DAY)
    assert (again.total, again.known) == (0, 3)
    assert filled(late).owed == 0
    assert len(kinds_of(late)) == 3


def test_counting_changes_nothing_and_looks_no_further_than_it_is_told(late: Destination) -> None:
    counted = backfill.count(late.pk, **DAY, most=1)
    assert counted.looked_at == 1 < counted.facts
    assert not OutboundMessage.objects.exists() and not BackFill.objects.exists()


def test_filters_and_the_time_range_hold(late: Destination) -> None:
    Destination.objects.update(filters={"modality": ["MR"]})
    assert filled(late).owed == 0
    with pytest.raises(Invalid):
        backfill.start(late.pk, since=NOON + timedelta(days=1), until=NOON + timedelta(days=2), reason="x", **WHO)
    with pytest.raises(Invalid):
        backfill.start(late.pk, since=NOON, until=NOON, reason="x", **WHO)
    with pytest.raises(NotFound):
        backfill.start(0, reason="x", **DAY, **WHO)


def test_what_happens_after_it_was_started_comes_by_itself_and_once(late: Destination) -> None:
    job = backfill.start(late.pk, reason="it is new", **DAY, **WHO)
    make_order(placer_number="P2", placer_authority="EMR", site=late_site())
    deliver_owed(at=NOON)
    tasks.back_fill()
    assert job.reread().owed == 3
    assert kinds_of(late).count("order.scheduled") == 2


def late_site():
    from ris.catalog.models import Site

    return Site.objects.get()


def test_one_that_is_stopped_queues_no_more(late: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 1)
    job = backfill.start(late.pk, reason="it is new", **DAY, **WHO)
    assert backfill.take_some(job.pk, at=NOON)
    backfill.halt(job.pk, reason="wrong one", **WHO)
    tasks.back_fill()
    assert (job.reread().state, job.done) == ("halted", 1)
    with pytest.raises(Conflict):
        backfill.halt(job.pk, reason="again", **WHO)


def test_the_command_counts_and_does_it(late: Destination) -> None:
    said = ["LATE", "--from", "2026-03-10T00:00Z", "--to", "2026-03-11T00:00Z"]
    out = StringIO()
    call_command("hl7", "backfill", *said, "--dry-run", stdout=out)
    assert "3 messages would be queued: 1 charge, 1 order.scheduled, 1 report.final." in out.getvalue()
    assert not OutboundMessage.objects.exists()
    call_command("hl7", "backfill", *said, stdout=out)
    assert "3 messages queued. Done." in out.getvalue()
    with pytest.raises(CommandError, match="Known: LATE"):
        call_command("hl7", "backfill", "LATER", *said[1:])


def test_an_analyst_counts_and_starts_it_on_the_page(late: Destination) -> None:
    browser = Client()
    browser.force_login(make_user("analyst", Role.ANALYST, sites=(late_site(),)))
    page = reverse("hl7:destination", args=[late.pk])
    when = {"since": "2026-03-10T00:00", "until": "2026-03-11T00:00"}
    assert "3 messages would be queued" in browser.get(page, when).content.decode()
    started = browser.post(reverse("hl7:back-fill", args=[late.pk]), when | {"reason": "it is new"}, follow=True)
    assert "it is new" in started.content.decode()
    tasks.back_fill()
    assert len(kinds_of(late)) == 3
    lead = Client()
    lead.force_login(make_user("lead", Role.LEAD, sites=(late_site(),)))
    assert "Count" not in lead.get(page, when).content.decode()
    assert lead.post(reverse("hl7:back-fill", args=[late.pk]), when | {"reason": "x"}).status_code == 403


def test_it_can_be_counted_started_watched_and_stopped_over_rest(late: Destination) -> None:
    client = APIClient()
    client.force_authenticate(make_user("analyst", Role.ANALYST, sites=(late_site(),)))
    said = {"destination": late.pk, "since": "2026-03-10T00:00:00Z", "until": "2026-03-11T00:00:00Z"}
    assert client.post("/api/hl7/back-fills/preview/", said, format="json").data["total"] == 3
    assert client.post("/api/hl7/back-fills/", said, format="json").status_code == 400
    started = client.post("/api/hl7/back-fills/", said | {"reason": "it is new"}, format="json")
    assert (started.status_code, started.data["state"]) == (201, "running")
    url = f"/api/hl7/back-fills/{started.data['id']}/"
    assert client.post(url + "stop/", {"reason": "not yet"}, format="json").data["state"] == "halted"
    assert client.get(url).data["reason"] == "it is new"
    assert [row["id"] for row in client.get("/api/hl7/back-fills/").data] == [started.data["id"]]


def test_a_back_fill_of_nobody_in_particular_is_a_job_of_its_actor(late: Destination) -> None:
    job = backfill.start(late.pk, reason="it is new", **DAY, actor=Actor.job("tests"), at=NOON)
    assert job.actor == Actor.job("tests").name
