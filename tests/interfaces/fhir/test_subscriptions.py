"""Topic subscriptions as a receiver hears them: handshake, numbered events, heartbeats, failures; who hears none."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from interfaces.fhir.models import Notification, Subscription
from interfaces.fhir.subscriptions.queue import delete_old_notifications, end_what_is_over, owe_heartbeats
from interfaces.fhir.subscriptions.sender import send_due
from interfaces.fhir.subscriptions.topics import CANONICAL
from reporting import services as reporting
from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.services import note_images
from ris.people.models import ApiToken, User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_order, make_user, perform
from tests.interfaces.fhir.asking import Asking, Json, issues
from tests.interfaces.fhir.receiving import Hook, receiver, told
from tests.reporting.written import by, signed
from tests.worklist.reading import make_item, make_reader

pytestmark = pytest.mark.django_db
EXTENSIONS = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def hook(settings: LazySettings) -> Iterator[str]:
    settings.RIS = dataclasses.replace(settings.RIS, webhook_networks=("127.0.0.0/8",))
    with receiver() as address:
        yield address


def wanted(topic: str, endpoint: str = "", **more: Any) -> Json:
    """A subscription; ``payload``, ``filter``, ``heartbeat`` and ``header`` as the profile writes them."""
    channel: Json = {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"}
    if "payload" in more:
        channel["_payload"] = {"extension": [{"url": f"{EXTENSIONS}payload-content", "valueCode": more["payload"]}]}
    if "heartbeat" in more:
        channel["extension"] = [{"url": f"{EXTENSIONS}heartbeat-period", "valueUnsignedInt": more["heartbeat"]}]
    if "header" in more:
        channel["header"] = more["header"]
    body = {"resourceType": "Subscription", "status": "requested", "reason": "EMR", "criteria": CANONICAL + topic,
            "channel": channel}  # fmt: skip
    if "filter" in more:
        body["_criteria"] = {"extension": [{"url": f"{EXTENSIONS}filter-criteria", "valueString": more["filter"]}]}
    return body


def subscribe(asking: Asking, *said: Any, **more: Any) -> int:
    answer = asking.send("post", "Subscription", wanted(*said, **more))
    assert answer.status_code == 201, answer.content
    return int(answer.json()["id"])


def run() -> None:
    """What the relay and the task do after a commit."""
    deliver_owed(at=now())
    send_due(at=now())


def heard() -> list[dict[str, Any]]:
    return [told(one) for one in Hook.heard]


def test_released_reports_are_told_by_number_and_name_nothing_of_the_patient(hook: str) -> None:
    reader = make_reader()
    asking = Asking(reader)
    pk = subscribe(asking, "report-released", hook, header=["Authorization: Bearer theirs"])
    assert asking.read(f"Subscription/{pk}")["status"] == "requested"
    run()
    assert asking.read(f"Subscription/{pk}")["status"] == "active"
    report = signed(reader).report
    reporting.add_addendum(report.pk, text="Seen by phone.", **by(reader))
    run()
    run()
    focus = f"DiagnosticReport/{report.pk}"
    assert heard() == [
        {"type": "handshake", "status": "requested", "events": [], "since": 0},
        {"type": "event-notification", "status": "active", "events": [(1, focus)], "since": 2},
        {"type": "event-notification", "status": "active", "events": [(2, focus)], "since": 2},
    ]
    assert "resource" not in Hook.heard[1]["entry"][1] and "ZZTEST" not in json.dumps(Hook.heard)
    (first, *_) = Hook.headers_heard
    assert (first["authorization"], first["content-type"]) == ("Bearer theirs", "application/fhir+json")
    assert first["webhook-signature"].startswith("v1,")
    row = Subscription.objects.get()
    assert "theirs" not in row.secret_headers and "theirs" not in json.dumps(asking.read(f"Subscription/{pk}"))
    assert told(asking.read(f"Subscription/{pk}/$events?eventsSinceNumber=2"))["events"] == [(2, focus)]
    status = asking.read(f"Subscription/{pk}/$status")
    assert (status["type"], status["entry"][0]["resource"]["parameter"][3]["valueCode"]) == (
        "searchset",
        "query-status",
    )


def test_each_topic_names_its_resource_and_a_filter_lets_through_what_fits(hook: str) -> None:
    asking = Asking(make_reader())
    topics = {
        subscribe(asking, topic, hook): topic for topic in ("order-changed", "exam-completed", "images-available")
    }
    subscribe(asking, "exam-completed", hook, filter="ImagingStudy?modality=MR")
    run()
    Hook.heard.clear()
    procedure = make_order(at=now()).procedures.get()
    perform(procedure, at=now() - 20 * MINUTE)
    note_images(procedure.study_uid, instances=3, complete=True, actor=by(make_user("pacs"))["actor"], at=now())
    run()
    rows = Notification.objects.filter(kind=Notification.EVENT).order_by("pk")
    numbered: dict[str, list[Any]] = {topic: [] for topic in topics.values()}
    for one in rows:
        numbered[topics[one.subscription_id]].append((one.number, one.focus_type, one.focus_id))
    assert numbered["exam-completed"] == numbered["images-available"] == [(1, "ImagingStudy", procedure.pk)]
    assert numbered["order-changed"] == [(n, "ServiceRequest", procedure.pk) for n in (1, 2, 3)]  # placed, begun, done
    assert len(Hook.heard) == 5


def test_a_critical_finding_is_told_once_and_whole_where_that_was_wanted(hook: str) -> None:
    reader = make_reader()
    asking = Asking(reader)
    subscribe(asking, "critical-raised", hook, payload="full-resource")
    run()
    report = signed(reader, {"findings": "Bleed.", "impression": "Bleed.", "critical_level": "red",
                             "critical_finding": "Intracranial bleed"}).report  # fmt: skip
    reporting.add_addendum(report.pk, text="Told by phone.", **by(reader))
    run()
    entry = Hook.heard[-1]["entry"][1]
    assert [one["events"] for one in heard()] == [[], [(1, f"DiagnosticReport/{report.pk}")]]
    assert (entry["resource"]["resourceType"], entry["resource"]["conclusion"]) == (
        "DiagnosticReport",
        "Bleed.\n\nTold by phone.",
    )
    event = AuditEvent.objects.get(action="fhir.notify")
    assert (event.patient_id, event.user_id) == (report.procedure.order.patient_id, reader.pk)


def test_what_the_token_may_not_see_is_not_told_nor_counted(hook: str) -> None:
    elsewhere = make_reader("elsewhere", sites=(SiteFactory(code="south"),))
    asking = Asking(elsewhere)
    pk = subscribe(asking, "report-released", hook)
    assert issues(
        Asking(make_user("tech", Role.TECHNOLOGIST)).send("post", "Subscription", wanted("report-released", hook))
    ) == [("forbidden", ["Subscription"])]
    signed(make_reader())
    run()
    assert [one["type"] for one in heard()] == ["handshake"]
    assert Subscription.objects.get().events == 0
    other = Asking(make_reader("other"))
    assert other.read(f"Subscription/{pk}", 404) and other.read(f"Subscription/{pk}/$events", 404)
    assert other.ids("Subscription") == []


def test_a_receiver_that_fails_is_tried_again_then_in_error_and_hears_all_after_it_is_back(hook: str) -> None:
    reader = make_reader()
    asking = Asking(reader)
    pk = subscribe(asking, "report-released", hook)
    run()
    report = signed(reader).report
    deliver_owed(at=now())
    Hook.answers[:] = [503] * 10
    at = now()
    for _ in range(10):
        at += timedelta(minutes=11)
        send_due(at=at)
    failing = asking.read(f"Subscription/{pk}")
    assert (failing["status"], failing["error"]) == ("error", "The receiver answered with HTTP 503")
    assert Alarm.objects.filter(kind="fhir-subscription", cleared_at=None).count() == 1
    tried = len(Hook.heard)
    send_due(at=at + timedelta(hours=1))
    assert len(Hook.heard) == tried
    assert asking.send("put", f"Subscription/{pk}", failing | {"status": "requested"}).status_code == 200
    run()
    assert [(one["type"], one["events"]) for one in heard()[tried:]] == [
        ("handshake", []), ("event-notification", [(1, f"DiagnosticReport/{report.pk}")])]  # fmt: skip
    assert not Alarm.objects.filter(cleared_at=None).exists()


def test_silence_is_broken_by_heartbeats_and_a_revoked_token_hears_no_more(hook: str) -> None:
    reader = make_reader()
    asking = Asking(reader)
    pk = subscribe(asking, "exam-completed", hook, heartbeat=60)
    run()
    for _ in range(2):  # two sweeps at once
        assert owe_heartbeats(at=now() + MINUTE * 0.5) == 0
    owe_heartbeats(at=now() + 2 * MINUTE)
    owe_heartbeats(at=now() + 2 * MINUTE)
    send_due(at=now() + 2 * MINUTE)
    assert [one["type"] for one in heard()] == ["handshake", "heartbeat"]
    ApiToken.objects.update(revoked_at=now())
    perform(make_order(at=now()).procedures.get(), at=now())
    run()
    end_what_is_over(at=now())
    assert len(Hook.heard) == 2
    row = Subscription.objects.get(pk=pk)
    assert (row.state, row.error) == ("off", "Its token is revoked or over.")
    delete_old_notifications(at=now() + timedelta(days=6))
    assert row.notifications.count() == 2
    delete_old_notifications(at=now() + timedelta(days=8))
    assert not row.notifications.exists()


@pytest.mark.parametrize(
    "more, place",
    [
        ({"criteria": "Patient?name=x"}, "Subscription.criteria"),
        ({"reason": ""}, "Subscription.reason"),
        ({"endpoint": "http://169.254.169.254/latest"}, "Subscription.channel.endpoint"),
        ({"endpoint": "http://93.184.215.14/x"}, "Subscription.channel.endpoint"),
        ({"header": ["Host: evil"]}, "Subscription.channel.header[0]"),
        ({"filter": "Patient?_id=1"}, "Subscription._criteria.extension[0].valueString"),
        ({"filter": "ImagingStudy?nothing=1"}, "nothing"),
    ],
)
def test_what_cannot_be_kept_is_refused_where_it_is_wrong(hook: str, more: Json, place: str) -> None:
    body = wanted(
        "exam-completed", more.get("endpoint", hook), **{k: v for k, v in more.items() if k in ("header", "filter")}
    )
    body |= {name: more[name] for name in ("criteria", "reason") if name in more}
    answer = Asking(make_reader()).send("post", "Subscription", body)
    assert (answer.status_code, issues(answer)[0][1]) == (400, [place])


def test_a_deleted_subscription_is_gone_and_the_page_shows_the_queue_of_the_others(hook: str, client: Any) -> None:
    asking = Asking(make_reader())
    gone, there = (subscribe(asking, "exam-completed", hook) for _ in range(2))
    assert asking.client.delete(f"/fhir/R4/Subscription/{gone}").status_code == 204
    assert issues(asking.read(f"Subscription/{gone}", 410)) == [("deleted", ["Subscription.id"])]
    run()
    assert len(Hook.heard) == 1
    make_item(at=now())
    run()
    analyst: User = make_user("analyst", Role.ANALYST, sites=(SiteFactory(),))
    client.force_login(analyst)
    text = client.get("/subscriptions/").content.decode()
    assert "exam-completed" in text and f"/subscriptions/{there}/" in text and f"/subscriptions/{gone}/" not in text
    assert "/emr" not in text  # a path may hold a token
    assert "ImagingStudy/" in client.get(f"/subscriptions/{there}/").content.decode()
    assert client.post(f"/subscriptions/{there}/off/", {"reason": ""}).status_code == 400
    client.post(f"/subscriptions/{there}/off/", {"reason": "the EMR moves house"})
    assert asking.read(f"Subscription/{there}")["status"] == "off"
    client.force_login(make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),)))
    assert client.get("/subscriptions/").status_code == 403
