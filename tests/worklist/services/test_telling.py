"""The ladder tells whom the house named: once, without the patient, and again until it is there."""

from __future__ import annotations

import base64
import dataclasses
import hmac
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.exceptions import ValidationError

from ris.audit.models import AuditEvent
from ris.kernel.models import Alarm
from ris.kernel.values.webhooks import derive_secret
from ris.people.roles import Role
from tests.factories import NOON, PatientFactory, SiteFactory, make_user
from tests.racing import race
from tests.worklist.reading import make_item
from tests.worklist.services.conftest import Hook
from worklist.models import EscalationMessage, EscalationRoute
from worklist.selectors.lead import open_escalations
from worklist.services.escalation_messages import MOST_ATTEMPTS, send_escalations
from worklist.services.sweep import sweep_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback_allowed")]

MINUTE = timedelta(minutes=1)


def route(rung: int = 4, way: str = "email", address: str = "lead@hospital.example", **said: Any) -> EscalationRoute:
    made = EscalationRoute(rung=rung, way=way, address=address, **said)
    made.full_clean()
    made.save()
    return made


def test_a_breach_is_mailed_once_with_the_accession_number_and_a_link_and_nothing_of_the_patient() -> None:
    route()
    patient = PatientFactory(family_name="ZZTESTSECRET")
    item = make_item(patient=patient, priority="STAT", reason="fell down the stairs")
    for _ in range(2):
        sweep_all(at=NOON + 61 * MINUTE)
        send_escalations(at=NOON + 61 * MINUTE)
    (sent,) = mail.outbox
    assert sent.to == ["lead@hospital.example"]
    assert item.accession in sent.subject
    assert f"/reading/{item.pk}/explain/" in sent.body
    said = sent.subject + sent.body
    assert not [word for word in ("ZZTESTSECRET", "stairs", patient.identifiers.get().value) if word in said]
    assert EscalationMessage.objects.get().state == EscalationMessage.SENT
    assert AuditEvent.objects.get(action="item.escalation-told").detail["address"] == "lead@hospital.example"


def test_each_rung_tells_whom_it_names_at_its_site_and_from_its_class_on() -> None:
    for rung in (1, 4):
        route(rung, address=f"rung{rung}@hospital.example")
    route(4, address="south@hospital.example", site=SiteFactory(code="south"))
    route(4, address="urgent@hospital.example", urgency=1)
    route(4, address="gone@hospital.example", active=False)
    make_item(priority="STAT")
    for minutes in (31, 61):
        sweep_all(at=NOON + minutes * MINUTE)
        send_escalations(at=NOON + minutes * MINUTE)
    assert [m.to for m in mail.outbox] == [["rung1@hospital.example"], ["rung4@hospital.example"]]


def test_a_webhook_is_posted_to_again_until_it_answers(hook: str) -> None:
    route(way="webhook", address=hook)
    item = make_item(priority="STAT")
    Hook.answers[:] = [503]
    sweep_all(at=NOON + 61 * MINUTE)
    assert send_escalations(at=NOON + 61 * MINUTE) == 0
    assert send_escalations(at=NOON + 61 * MINUTE) == 0  # not yet again
    assert send_escalations(at=NOON + 63 * MINUTE) == 1
    assert send_escalations(at=NOON + 90 * MINUTE) == 0
    (first, _), (second, body) = Hook.heard
    assert first == second
    assert item.accession.encode() in body


def test_a_webhook_is_signed_and_its_token_stands_in_no_log_alarm_or_audit(
    hook: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    address = hook + "?token=SECRET-IN-URL"
    route(way="webhook", address=address)
    make_item(priority="STAT")
    Hook.answers[:] = [500] * (MOST_ATTEMPTS - 1)
    sweep_all(at=NOON + 61 * MINUTE)
    for n in range(MOST_ATTEMPTS):
        send_escalations(at=NOON + 61 * MINUTE + n * timedelta(minutes=11))
    headers, (_, body) = Hook.signed[-1], Hook.heard[-1]
    secret = base64.b64decode(derive_secret(settings.SECRET_KEY, address).removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}".encode()
    wanted = base64.b64encode(hmac.new(secret, signed, "sha256").digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert AuditEvent.objects.get(action="item.escalation-told").detail["address"] == "http://127.0.0.1"
    kept = [str(alarm.__dict__) for alarm in Alarm.objects.all()]
    assert "SECRET-IN-URL" not in "".join([*kept, caplog.text, capsys.readouterr().err])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "169.254.169.254", "[::ffff:10.1.2.3]"]
)
def test_an_internal_address_is_called_only_where_the_house_allows_it(host: str, settings: Any) -> None:
    settings.RIS = dataclasses.replace(settings.RIS, webhook_networks=("192.168.7.0/24",))
    route(way="webhook", address=f"http://{host}:9/late")
    make_item(priority="STAT")
    sweep_all(at=NOON + 61 * MINUTE)
    assert send_escalations(at=NOON + 61 * MINUTE) == 0
    assert "RIS_WEBHOOK_NETWORKS" in EscalationMessage.objects.get().error


def test_what_cannot_be_told_is_given_up_with_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*said: Any, **more: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", down)
    route()
    make_item(priority="STAT")
    sweep_all(at=NOON + 61 * MINUTE)
    for n in range(MOST_ATTEMPTS + 2):
        send_escalations(at=NOON + 61 * MINUTE + n * timedelta(minutes=11))
    row = EscalationMessage.objects.get()
    assert (row.state, row.attempts, row.error) == (EscalationMessage.GIVEN_UP, MOST_ATTEMPTS, "ConnectionRefusedError")
    assert Alarm.objects.get(kind="escalation-untold", cleared_at=None).subject == "email to lead@hospital.example"


def test_the_coordinators_screen_shows_lower_rungs_where_the_house_asks_for_them() -> None:
    lead = make_user("lead", Role.LEAD, sites=(SiteFactory(),))
    make_item(priority="STAT")
    sweep_all(at=NOON + 31 * MINUTE)
    assert not open_escalations(lead).exists()
    route(2, way="screen", address="")
    sweep_all(at=NOON + 46 * MINUTE)
    assert [row.rung for row in open_escalations(lead)] == [2]
    assert send_escalations(at=NOON + 46 * MINUTE) == 0


@pytest.mark.parametrize(("way", "address"), [("email", "nobody"), ("webhook", "ftp://host/x"), ("webhook", "")])
def test_an_address_to_which_nothing_could_be_sent_is_refused(way: str, address: str) -> None:
    with pytest.raises(ValidationError):
        route(way=way, address=address)


@pytest.mark.django_db(transaction=True)
def test_however_many_sweep_and_send_at_once_each_message_goes_once() -> None:
    route()
    items = [make_item(priority="STAT") for _ in range(3)]

    def work(n: int) -> int:
        sweep_all(at=NOON + 61 * MINUTE)
        return send_escalations(at=NOON + 61 * MINUTE)

    outcomes = race(6, work)
    assert all(isinstance(n, int) for n in outcomes), outcomes
    send_escalations(at=NOON + 61 * MINUTE)
    assert sorted(item.accession for item in items) == sorted(m.subject.split()[-1] for m in mail.outbox)
