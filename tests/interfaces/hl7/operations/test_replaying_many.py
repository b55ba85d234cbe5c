"""Many messages are taken again by a job, which outlives whoever works at it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from interfaces.hl7 import tasks
from interfaces.hl7.inbound.orders import handler
from interfaces.hl7.models import InboundMessage, Peer, ReplayJob
from interfaces.hl7.operations import bulk_replay
from interfaces.hl7.operations.message_filter import MessageFilter
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel import jobs
from ris.kernel.errors import Conflict, Invalid
from ris.orders.models import Order
from ris.people.roles import Role
from tests.factories import TESTER, SiteFactory, make_user
from tests.interfaces.hl7.hl7 import NOON, order, take
from tests.racing import race

pytestmark = pytest.mark.django_db
WHO = {"actor": TESTER, "at": NOON}
REFUSED = MessageFilter(state="refused")


@pytest.fixture
def batch(hospital: Site) -> Site:
    """Three orders that were refused for their control code, which is a known one by now, and one that was applied."""
    for number in range(3):
        take(order("ZX", placer=f"P{number}", control_id=f"R{number}"))
    take(order(placer="OK", control_id="OK"))
    return hospital


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(handler.CONTROL, "ZX", "new")


def begin(asked: MessageFilter = REFUSED) -> ReplayJob:
    return bulk_replay.start(asked, None, reason="code is known now", **WHO)


def run(job: ReplayJob) -> ReplayJob:
    while bulk_replay.take_next(job.pk, at=NOON):
        pass
    job.refresh_from_db()
    return job


def test_all_that_are_asked_for_are_taken_again_oldest_first(batch: Site, known: None):
    assert bulk_replay.count(REFUSED, None).by_state == {"refused": 3}
    job = begin()
    take(order("ZX", placer="LATE", control_id="LATE"))
    job = run(job)
    assert (job.state, job.total, job.done, job.outcomes, job.percent) == ("done", 3, 3, {"applied": 3}, 100)
    copies = InboundMessage.objects.filter(edit_of__isnull=False).order_by("pk")
    assert [row.control_id for row in copies] == ["R0", "R1", "R2"]
    assert Order.objects.count() == 5
    assert AuditEvent.objects.filter(action="hl7.replay").count() == 3
    assert AuditEvent.objects.get(action="hl7.replay-many").reason == "code is known now"


def test_a_worker_that_dies_within_a_message_leaves_the_job_where_it_was(
    batch: Site, known: None, monkeypatch: pytest.MonkeyPatch
):
    job = begin()
    bulk_replay.take_next(job.pk, at=NOON)
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "F", lambda name: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bulk_replay.take_next(job.pk, at=NOON)
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 1)
    tasks.replay()
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 3)
    assert InboundMessage.objects.filter(edit_of__isnull=False).count() == 3


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_job_take_no_message_twice(batch: Site, known: None):
    job = begin()
    race(3, lambda n: run(ReplayJob.objects.get(pk=job.pk)))
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 3)
    assert InboundMessage.objects.filter(edit_of__isnull=False).count() == 3


def test_it_is_stopped_with_a_reason_and_goes_on_later(batch: Site, known: None):
    job = begin()
    bulk_replay.take_next(job.pk, at=NOON)
    with pytest.raises(Invalid):
        bulk_replay.halt(job.pk, reason="", **WHO)
    bulk_replay.halt(job.pk, reason="wrong ones", **WHO)
    assert bulk_replay.take_next(job.pk, at=NOON) is None
    with pytest.raises(Conflict):
        bulk_replay.halt(job.pk, reason="again", **WHO)
    bulk_replay.go_on(job.pk, **WHO)
    assert run(job).done == 3


def test_nothing_to_take_again_is_refused_and_so_is_a_missing_reason(batch: Site):
    with pytest.raises(Invalid):
        begin(MessageFilter(kind="ADT"))
    with pytest.raises(Invalid):
        bulk_replay.start(REFUSED, None, reason=" ", **WHO)


@pytest.mark.parametrize(
    ("said", "found"),
    [({"type": "orm^o01"}, 4), ({"type": "ADT"}, 0), ({"state": "attention"}, 3), ({"since": "2026-03-11T00:00"}, 0),
     ({"until": "2026-03-11T00:00Z", "state": "applied"}, 1), ({"control_id": "R1"}, 1)],
)  # fmt: skip
def test_a_filter_narrows_by_type_state_time_and_control_id(batch: Site, said: dict[str, str], found: int):
    asked = MessageFilter.from_values(said)
    assert bulk_replay.count(asked, None).total == found
    assert MessageFilter.from_values(asked.to_json()) == asked


@pytest.mark.parametrize("said", [{"state": "odd"}, {"since": "yesterday"}, {"peer_id": "x"}])
def test_a_filter_that_is_none_is_refused_by_name(said: dict[str, str]):
    with pytest.raises(Invalid) as refused:
        MessageFilter.from_values(said)
    assert refused.value.at in said


def test_an_analyst_counts_starts_watches_and_stops_it_on_screen(batch: Site, known: None):
    screen = Client()
    screen.force_login(make_user("ana", Role.ANALYST, sites=(batch,)))
    where = reverse("hl7:replays") + f"?state=refused&peer_id={Peer.objects.get().pk}"
    assert "3 messages would be taken again" in screen.get(where).content.decode()
    assert screen.post(where).status_code == 400
    assert screen.post(where, {"reason": "code is known now"}).status_code == 302
    job = ReplayJob.objects.get()
    bulk_replay.take_next(job.pk, at=NOON)
    shown = screen.get(reverse("hl7:replay-job", args=[job.pk])).content.decode()
    assert "1 of 3 taken again" in shown and 'value="33"' in shown
    screen.post(reverse("hl7:replay-stop", args=[job.pk]), {"reason": "enough"})
    assert "Go on" in screen.get(reverse("hl7:replay-job", args=[job.pk])).content.decode()
    screen.post(reverse("hl7:replay-go-on", args=[job.pk]))
    assert run(job).done == 3
    narrowed = screen.get(reverse("hl7:messages"), {"type": "ADT"}).content.decode()
    assert "No message here" in narrowed


def test_over_rest_too_and_a_stranger_sees_neither_job_nor_messages(batch: Site, known: None):
    client, stranger = APIClient(), APIClient()
    client.force_authenticate(make_user("ana", Role.ANALYST, sites=(batch,)))
    stranger.force_authenticate(make_user("x", Role.ANALYST, sites=(SiteFactory(code="south"),)))
    asked = {"state": "refused"}
    assert client.post("/api/hl7/replays/preview/", asked, format="json").data["total"] == 3
    made = client.post("/api/hl7/replays/", {**asked, "reason": "r"}, format="json")
    assert (made.status_code, made.data["percent"]) == (201, 0)
    one = f"/api/hl7/replays/{made.data['id']}/"
    assert client.post(f"{one}stop/", {"reason": "r"}, format="json").data["state"] == "halted"
    assert client.post(f"{one}go-on/").data["state"] == "running"
    assert client.get(one).data["done"] == 0
    assert len(client.get("/api/hl7/replays/").data) == 1
    assert stranger.get(one).status_code == 404
    assert stranger.post("/api/hl7/replays/preview/", {"state": "applied"}, format="json").data["total"] == 0
