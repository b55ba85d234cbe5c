"""What the receiver of a critical finding sees: by a link nothing of the patient, after a second factor the finding."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from reporting.models import CriticalContact, CriticalFinding, CriticalMessage
from ris.audit.models import AuditEvent
from ris.kernel import clock
from ris.kernel.models import Alarm
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.reporting.critical.loops import FINDING, SECRET, after, link_in, marked, outbox, referrer
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db

SHOW = "Show the finding"


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``clocks(minutes)``: the pages' clock stands so many minutes after the mark."""

    def stand(minutes: float) -> None:
        monkeypatch.setattr("reporting.critical.receiver_pages.now", lambda: NOON + timedelta(minutes=minutes))

    assert clock.now
    stand(5)
    return stand


def text(answer: Any) -> str:
    return answer.content.decode()


def proof_in(answer: Any) -> str:
    return text(answer).split('name="proof" value="')[1].split('"')[0]


def told_by_mail() -> tuple[CriticalFinding, str]:
    """A finding told to a contact without a log-in whose PIN is 482916, and the path of the link."""
    CriticalContact.objects.create(rung=1, way="email", address="ed@hospital.test", name="ED charge nurse",
                                   pin=make_password("482916"))  # fmt: skip
    loop = marked()
    after(3)
    return loop, link_in(outbox()[0])


def test_a_scanner_that_opens_the_link_sees_no_patient_and_acknowledges_nothing(clocks: Any) -> None:
    loop, path = told_by_mail()
    for private in (SECRET, loop.report.item.accession, str(loop.report.procedure.order.patient_id) + "/"):
        assert private not in path
    for _ in range(3):
        seen = Client().get(path)
        assert seen.status_code == 200 and SHOW in text(seen)
        assert SECRET not in text(seen) and FINDING not in text(seen) and loop.report.item.accession not in text(seen)
    assert (seen["Referrer-Policy"], "no-store" in seen["Cache-Control"]) == ("no-referrer", True)
    assert SECRET not in text(Client().post(path)), "no PIN, no finding"
    assert Client().post(path, {"proof": "forged", "name": "x"}).status_code == 403
    assert CriticalFinding.objects.get().state == "open"
    assert Client().get(path[:-3] + "xx/").status_code == 404


def test_a_pin_shows_the_finding_and_the_button_acknowledges_it_once(clocks: Any) -> None:
    loop, path = told_by_mail()
    client = Client()
    shown = client.post(path, {"pin": "482916"})
    assert SECRET in text(shown) and FINDING in text(shown)
    proof = proof_in(shown)
    done = client.post(path, {"proof": proof, "name": "Nurse ZZNIGHT"})
    assert done.status_code == 200 and "Thank you, Nurse ZZNIGHT" in text(done)
    closed = CriticalFinding.objects.get(pk=loop.pk)
    assert (closed.state, closed.acknowledged_name, closed.acknowledged_at) == (
        "acknowledged", "Nurse ZZNIGHT", NOON + timedelta(minutes=5),
    )  # fmt: skip
    for again in (
        client.post(path, {"proof": proof, "name": "x"}),
        client.post(path, {"pin": "482916"}),
        client.get(path),
    ):
        assert again.status_code == 409 and SECRET not in text(again) and "used up" in text(again)
    events = AuditEvent.objects.filter(action__in=["critical.view", "critical.acknowledge"], user_id=None)
    assert {(event.action, event.patient_id) for event in events} == {
        (action, loop.report.procedure.order.patient_id) for action in ("critical.view", "critical.acknowledge")
    }


def test_wrong_pins_lock_the_link_and_it_expires(clocks: Any) -> None:
    _, path = told_by_mail()
    clocks(60 + 24 * 60 + 1)
    assert Client().get(path).status_code == 409 and Client().post(path, {"pin": "482916"}).status_code == 409
    clocks(5)
    for _ in range(5):
        assert "The PIN is wrong" in text(Client().post(path, {"pin": "000000"}))
    locked = Client().post(path, {"pin": "482916"})
    assert locked.status_code == 409 and SECRET not in text(locked)
    assert Alarm.objects.filter(kind="critical-link-locked").exists()


def test_a_log_in_opens_the_link_of_who_was_told_and_not_a_strangers(clocks: Any) -> None:
    person = referrer()
    marked(ordered_by=person)
    after(3)
    path = link_in(outbox()[0])
    stranger = Client()
    stranger.force_login(make_user("zzstranger", Role.RADIOLOGIST, sites=(SiteFactory(code="south"),)))
    refused = stranger.post(path)
    assert refused.status_code == 403 and SECRET not in text(refused)
    client = Client()
    client.force_login(person)
    shown = client.post(path)
    assert SECRET in text(shown)
    proof = proof_in(shown)
    assert stranger.post(path, {"proof": proof, "name": "x"}).status_code == 403, "a proof is of one person"
    assert client.post(path, {"proof": proof}).status_code == 200
    assert CriticalFinding.objects.get().acknowledged_by == person


def test_the_bell_of_who_was_told_rings_until_it_is_acknowledged_by_anybody(clocks: Any) -> None:
    person, other = referrer(), make_reader("zzdeputy")
    CriticalContact.objects.create(rung=2, way="screen", user=other)
    marked(ordered_by=person)
    after(21)
    clients = []
    for user in (person, other):
        client = Client()
        client.force_login(user)
        assert 'data-count="1"' in text(client.get("/bell/"))
        clients.append(client)
    mine = CriticalMessage.objects.get(user=person, way="screen")
    assert clients[1].get(f"/critical/told/{mine.pk}/").status_code == 404, "another's message"
    page = clients[0].get(f"/critical/told/{mine.pk}/")
    assert SECRET in text(page) and FINDING in text(page)
    assert clients[0].post(f"/critical/told/{mine.pk}/", {"proof": proof_in(page)}).status_code == 302
    for client in clients:
        assert 'data-count="0"' in text(client.get("/bell/"))
    assert link_in(outbox()[0]) and clients[1].get(link_in(outbox()[0])).status_code == 409, "its links are revoked"
