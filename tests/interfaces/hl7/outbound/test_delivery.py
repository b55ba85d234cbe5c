"""Who signed sees whether the report arrived; who leads sees what did not."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.delivery import watch_critical_results
from interfaces.hl7.outbound.sender import DestinationSender
from interfaces.hl7.tasks import watch_critical_results as watch_task
from interfaces.hl7.v2.header import recover_header
from reporting import services
from reporting.models import Report
from ris.catalog.models import Site
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.result_delivery import list_deliveries
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.interfaces.hl7.emr import destination, emr, msa
from tests.reporting.written import by, signed
from tests.worklist.reading import make_reader

pytestmark = pytest.mark.django_db(transaction=True)
CRITICAL = {"impression": "Bleed.", "critical_level": "red", "critical_finding": "Bleed"}


def refuse(raw: bytes, before: int) -> bytes:
    """The answer of a system that does not know the order."""
    return msa(recover_header(raw).control_id, "AE", "No such order", error="204")


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def lead() -> Client:
    return client_of(make_user("lead", Role.LEAD, sites=(SiteFactory(),)))


def reader() -> User:
    return User.objects.get(username="reader")


def sign_one(**fields) -> Report:
    version = signed(make_reader(), placer_number="P1", placer_authority="EMR", **fields)
    deliver_owed(at=NOON)
    return version.report


def send(script=None, **to_fields) -> Report:
    """A signed report, sent to a system that answers as told."""
    with emr(*([script] if script else [])) as (_, port):
        to = destination(port, **to_fields)
        report = sign_one()
        DestinationSender(to.pk, clock=timezone.now).drain()
    return report


def text_of(client: Client, name: str, *args, **query) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_an_accepted_report_says_so_wherever_it_is_shown():
    report = send()
    client = client_of(reader())
    assert "Accepted" in text_of(client, "reporting:results")
    page = text_of(client, "reporting:result", report.pk)
    assert "EMR" in page and "Accepted" in page
    assert "Accepted" in text_of(client, "worklist:list", list="done")
    assert "Accepted" in text_of(client, "worklist:rows", list="done")
    rest = APIClient()
    rest.force_authenticate(reader())
    (delivery,) = rest.get(f"/api/reports/{report.pk}/").data["deliveries"]
    assert (delivery["system"], delivery["state"], delivery["reason"]) == ("EMR", "accepted", "")
    assert rest.get("/api/reports/").data["results"][0]["deliveries"] == [delivery]


def test_a_refused_report_is_stuck_with_its_reason_and_a_lead_finds_it_with_its_message():
    report = send(refuse)
    page = text_of(client_of(reader()), "reporting:result", report.pk)
    assert "Stuck" in page and "No such order" in page
    who_leads = lead()
    listed = text_of(who_leads, "hl7:undelivered")
    message = OutboundMessage.objects.get()
    assert "No such order" in listed and reverse("hl7:outbound", args=[message.pk]) in listed
    assert report.item.accession in listed
    coordinator = text_of(who_leads, "worklist:coordinator")
    assert f'class="tile red" href="{reverse("hl7:undelivered")}"><b>1</b>' in coordinator


def test_a_later_version_that_waits_behind_a_stuck_one_is_stuck_for_the_same_reason():
    kinds = ["report.final", "report.addendum"]
    report = send(
        lambda raw, before: msa(recover_header(raw).control_id, "AE", "No such order", error="204"), kinds=kinds
    )
    services.add_addendum(report.pk, text="Also a cyst.", **by(reader()))
    deliver_owed(at=NOON)
    (delivery,) = list_deliveries([report.procedure_id])[report.procedure_id]
    assert (delivery.state, delivery.reason) == ("stuck", "No such order")


def test_a_report_for_a_system_that_is_away_waits_and_is_listed_after_two_minutes():
    Destination.objects.create(name="EMR", kinds=["report.final"])
    report = sign_one()
    (delivery,) = list_deliveries([report.procedure_id])[report.procedure_id]
    assert (delivery.state, delivery.reason) == ("waiting", "EMR has no address yet.")
    who_leads = lead()
    OutboundMessage.objects.update(created_at=timezone.now())
    assert "Everything was delivered" in text_of(who_leads, "hl7:undelivered")
    OutboundMessage.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    assert "EMR has no address yet." in text_of(who_leads, "hl7:undelivered")


def test_whoever_signed_sees_the_delivery_of_the_last_signatures_beside_the_next_case():
    report = send()
    client = client_of(reader())
    assert reverse("hl7:my-deliveries") in text_of(client, "worklist:list")
    with_time = text_of(client, "hl7:my-deliveries")
    assert report.item.accession not in with_time, "signed long ago"
    with time_machine.travel(NOON + timedelta(minutes=5)):
        lately = text_of(client_of(reader()), "hl7:my-deliveries")
    assert report.item.accession in lately and "Accepted" in lately


def test_a_lead_of_another_site_sees_nothing_of_it():
    send(refuse)
    stranger = client_of(make_user("stranger", Role.LEAD, sites=(SiteFactory(code="south"),)))
    assert "Everything was delivered" in text_of(stranger, "hl7:undelivered")
    assert "<b>0</b><span>" in text_of(stranger, "worklist:coordinator")


def test_an_undelivered_critical_result_alarms_after_the_limit_of_its_site_and_no_other_does():
    Destination.objects.create(name="EMR", kinds=["report.final"])
    report = sign_one(sections=CRITICAL)
    Site.objects.update(critical_delivery_minutes=10)
    assert watch_critical_results(at=NOON + timedelta(minutes=9)) == 0
    assert watch_critical_results(at=NOON + timedelta(minutes=10)) == 1
    alarm = Alarm.objects.get(kind="critical-result-undelivered")
    assert alarm.subject == f"{report.item.accession} to EMR"
    assert "no address" in alarm.detail
    OutboundMessage.objects.update(state="sent")
    assert watch_critical_results(at=NOON + timedelta(minutes=11)) == 0
    assert Alarm.objects.get(kind="critical-result-undelivered").cleared_at == NOON + timedelta(minutes=11)


def test_a_result_that_is_not_critical_raises_no_such_alarm():
    Destination.objects.create(name="EMR", kinds=["report.final"])
    sign_one()
    watch_task()
    assert not Alarm.objects.filter(kind="critical-result-undelivered").exists()
