"""FHIRcast: applications at one desk follow what is open, through a real server; and who is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import websockets
from asgiref.sync import sync_to_async
from django.test import Client

from ris.asgi import application
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.services import issue_token
from tests.factories import NOON, TESTER
from tests.worklist.reading import make_item, make_reader
from tests.worklist.sockets import served
from worklist import services as worklist
from worklist.models import AiFlag, ReadingItem

pytestmark = pytest.mark.django_db(transaction=True)
Json = dict[str, Any]


class Desk:
    """An application of a user: its HTTP side, and the address of its websocket."""

    def __init__(self, user: User) -> None:
        self.user = user
        token = issue_token(user, label="viewer", actor=TESTER, at=NOON)
        self.client = Client(headers={"Authorization": f"Bearer {token}"})
        self.topic = self.client.get("/fhircast/session").json()["hub.topic"]

    def subscribe(self, events: str, name: str = "viewer", **more: str) -> Any:
        """The answer to a subscription."""
        form = {"hub.channel.type": "websocket", "hub.mode": "subscribe", "hub.topic": self.topic, "hub.events": events,
                "hub.lease_seconds": "600", "subscriber.name": name}  # fmt: skip
        return self.post_form(form | more)

    def post_form(self, form: Json) -> Any:
        """The answer to a form."""
        return self.client.generic("POST", "/fhircast/", urlencode(form), "application/x-www-form-urlencoded")

    def path(self, events: str, name: str = "viewer") -> str:
        """The path of a fresh websocket."""
        answer = self.subscribe(events, name)
        assert answer.status_code == 202, answer.content
        return str(answer.json()["hub.channel.endpoint"]).partition("testserver")[2]

    def say(self, event: str, context: list[Json], version: str = "", topic: str = "") -> Any:
        """The answer to a request for a change of context."""
        said = {"hub.topic": topic or self.topic, "hub.event": event, "context": context}
        if version:
            said["context.versionId"] = version
        body = {"timestamp": now().isoformat(), "id": f"id-{event}", "event": said}
        return self.client.post("/fhircast/", json.dumps(body), content_type="application/json")

    def current(self) -> Json:
        """What is open."""
        found: Json = self.client.get(f"/fhircast/{self.topic}").json()
        return found


def claimed(reader: User) -> ReadingItem:
    """A case that the reader claims, with the relay's work done."""
    item = make_item(at=now() - timedelta(minutes=5))
    worklist.claim(item.pk, reader=reader, actor=Actor.of_user(reader), at=now())
    deliver_owed(at=now())
    return item


def patient(pk: int = 1) -> list[Json]:
    return [{"key": "patient", "resource": {"resourceType": "Patient", "id": str(pk)}}]


def updates(*entries: Json) -> Json:
    return {"key": "updates", "resource": {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}}


def report(pk: str) -> Json:
    return {"key": "report", "reference": {"reference": f"DiagnosticReport/{pk}"}}


def names(heard: Iterable[Any]) -> list[str]:
    return [one["event"]["hub.event"] for one in heard]


async def receive(socket: Any, seconds: float = 2.0) -> Json:
    found: Json = json.loads(await asyncio.wait_for(socket.recv(), seconds))
    return found


def test_a_claim_opens_the_report_for_who_wants_to_hear_it_and_its_end_closes_it() -> None:
    reader = make_reader()
    desk = Desk(reader)
    wanted = desk.path("diagnosticreport-OPEN,DiagnosticReport-close")
    other = desk.path("Patient-open", "portal")

    async def listen(url: str) -> tuple[list[Json], list[Json]]:
        base = url.rpartition("/ws/")[0]
        async with websockets.connect(base + wanted) as viewer, websockets.connect(base + other) as portal:
            heard, apart = [await receive(viewer)], [await receive(portal)]
            item = await sync_to_async(claimed)(reader)
            heard.append(await receive(viewer))
            await viewer.send(json.dumps({"id": heard[-1]["id"], "status": "200"}))

            def release() -> None:
                worklist.release(item.pk, reader=reader, actor=Actor.of_user(reader), at=now())
                deliver_owed(at=now())

            await sync_to_async(release)()
            heard.append(await receive(viewer))
            await sync_to_async(desk.say)("Patient-open", patient())
            apart.append(await receive(portal))
        return heard, apart

    with served(application) as url:
        heard, apart = asyncio.run(listen(url))
    assert heard[0]["hub.mode"] == "subscribe" and heard[0]["hub.topic"] == desk.topic
    assert names(heard[1:]) == ["DiagnosticReport-open", "DiagnosticReport-close"]
    item = ReadingItem.objects.get()
    opened = {one["key"]: one["resource"] for one in heard[1]["event"]["context"]}
    assert opened["report"]["id"] == str(item.report.pk)
    assert opened["patient"]["id"] == str(item.procedure.order.patient_id)
    assert opened["study"]["identifier"][0]["value"] == f"urn:oid:{item.procedure.study_uid}"
    assert heard[1]["event"]["context.versionId"]
    assert names(apart[1:]) == ["Patient-open"]


def test_content_is_shared_under_version_ids_and_an_observation_can_be_inserted() -> None:
    reader = make_reader()
    desk = Desk(reader)
    item = claimed(reader)
    ReadingItem.objects.update(lease_until=now() + timedelta(seconds=30))
    current = desk.current()
    told = AuditEvent.objects.filter(action__in=("fhircast.open", "fhircast.read"))
    assert list(told.values_list("patient", flat=True)) == [item.procedure.order.patient_id] * 2
    pk = str(item.report.pk)
    assert current["context.type"] == "DiagnosticReport"
    bleed = {"resourceType": "Observation", "id": "o1", "status": "preliminary", "valueBoolean": True,
             "code": {"coding": [{"code": "BLEED"}]}, "device": {"display": "Bleed-AI"}}  # fmt: skip
    put = updates({"request": {"method": "PUT", "url": "Observation/o1"}, "resource": bleed})
    assert desk.say("DiagnosticReport-update", [report(pk), put], "an-old-version").status_code == 409
    assert desk.current() == current
    version = current["context.versionId"]
    answer = desk.say("DiagnosticReport-update", [report(pk), put], version)
    assert answer.status_code == 202 and answer.json()["context.versionId"] != version
    content = next(one["resource"] for one in desk.current()["context"] if one["key"] == "content")
    assert [one["resource"]["id"] for one in content["entry"]] == ["o1"]
    flag = AiFlag.objects.get()  # what the room offers for insertion
    assert (flag.item, flag.vendor, flag.code, flag.positive) == (item, "Bleed-AI", "BLEED", True)
    lease = ReadingItem.objects.get().lease_until
    assert lease is not None and lease > now() + timedelta(seconds=60)  # a viewer's events keep the claim alive
    select = [report(pk), {"key": "select", "reference": [{"reference": "Observation/o1"}]}]
    assert desk.say("DiagnosticReport-select", select, answer.json()["context.versionId"]).status_code == 202
    gone = updates({"request": {"method": "DELETE", "url": "Observation/o1"}})
    desk.say("DiagnosticReport-update", [report(pk), gone], desk.current()["context.versionId"])
    assert "entry" not in next(one["resource"] for one in desk.current()["context"] if one["key"] == "content")


def test_who_refuses_or_drops_off_is_named_to_the_others() -> None:
    desk = Desk(make_reader())
    here, there = desk.path("Patient-open,SyncError", "viewer"), desk.path("Patient-open,SyncError", "dictation")

    async def listen(url: str) -> tuple[list[Json], list[Json]]:
        base = url.rpartition("/ws/")[0]
        async with websockets.connect(base + here) as viewer, websockets.connect(base + there) as dictation:
            await asyncio.gather(receive(viewer), receive(dictation))
            await sync_to_async(desk.say)("Patient-open", patient())
            both = await asyncio.gather(receive(viewer), receive(dictation))
            await dictation.send(json.dumps({"id": both[1]["id"], "status": "409"}))
            heard = [await receive(viewer)]
            dictation.transport.abort()
            heard.append(await receive(viewer))
            return list(both), heard

    with served(application) as url:
        both, heard = asyncio.run(listen(url))
    assert names(both) == ["Patient-open"] * 2
    assert names(heard) == ["SyncError"] * 2
    said = [one["event"]["context"][0]["resource"]["issue"][0] for one in heard]
    assert [one["details"]["coding"][2]["code"] for one in said] == ["dictation"] * 2
    assert said[0]["details"]["coding"][0]["code"] == "id-Patient-open"


def test_a_topic_is_its_users_alone_and_what_the_hub_does_not_know_is_refused() -> None:
    desk, other = Desk(make_reader()), Desk(make_reader("other"))
    assert other.client.get(f"/fhircast/{desk.topic}").status_code == 404
    assert other.say("Patient-open", patient(), topic=desk.topic).status_code == 404
    assert other.subscribe("Patient-open", **{"hub.topic": desk.topic}).status_code == 404
    assert desk.subscribe("Nothing-open").status_code == 400
    assert desk.subscribe("Patient-open", **{"hub.channel.type": "webhook"}).status_code == 400
    assert desk.say("Patient-open", []).status_code == 400
    assert desk.say("DiagnosticReport-update", [report("1"), updates()], "x").status_code == 409  # none is open
    for odd in ("\x00", "\ud800", float("nan")):
        assert desk.say("Patient-open", [{"key": "patient", "note": odd, **patient()[0]}]).status_code == 400
    assert Client().get(f"/fhircast/{desk.topic}").status_code == 401
    said = Client().get("/fhircast/.well-known/fhircast-configuration").json()
    assert said["websocketSupport"] is True and "DiagnosticReport-update" in said["eventsSupported"]
    assert desk.current() == {"context.type": "", "context": []}


def test_a_subscription_that_was_ended_has_no_socket() -> None:
    desk = Desk(make_reader())
    path = desk.path("Patient-open")
    answer = desk.post_form({
        "hub.channel.type": "websocket", "hub.mode": "unsubscribe", "hub.topic": desk.topic,
        "hub.channel.endpoint": "ws://testserver" + path,
    })  # fmt: skip
    assert answer.status_code == 202

    async def knock(url: str) -> int:
        async with websockets.connect(url.rpartition("/ws/")[0] + path) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
        return closed.value.rcvd.code if closed.value.rcvd else 0

    with served(application) as url:
        assert asyncio.run(knock(url)) == 4410
