"""The dictation hook: what an engine learns, and that its words reach the room of who holds the case."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
import websockets
from django.test import Client

from reporting.dictation.services import acknowledge, engine_context, focus, take_event, waiting_events
from reporting.models import DictationEvent
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid
from ris.people.models import User
from tests.factories import NOON, PatientFactory
from tests.reporting.written import by, signed
from tests.worklist.reading import make_item, make_reader
from tests.worklist.sockets import cookie, session_of
from worklist import services as worklist

ENGINE = """
import json, sys, urllib.request
url, cookie = sys.argv[1:]
def call(body=None):
    headers = {"Cookie": f"{cookie}; csrftoken=" + "a" * 32, "X-CSRFToken": "a" * 32}
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, body and json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=20))
section = call()["section"]
call({"kind": "partial", "text": "no acute"})
call({"kind": "final", "text": f"No acute finding in {section}."})
call({"kind": "command", "text": "next"})
"""
"""A process that plays the engine: it asks what it should know, and says what it heard."""


def test_an_engine_learns_the_words_of_the_case_and_no_name(db: None) -> None:
    reader = make_reader(most_claims=9)
    patient = PatientFactory(family_name="Zzsecret")
    signed(reader, {"findings": "Cavernoma, said Zzsecret.", "impression": "Cavernoma."}, patient=patient)
    item = worklist.claim(make_item(patient=patient).pk, **by(reader))
    focus(item.pk, "impression", reader=reader, at=NOON)
    known = engine_context(item.pk, reader=reader)
    assert known.section == "impression"
    assert "head" in known.procedure and "Cavernoma" in known.vocabulary
    assert "Zzsecret" not in str(known)


def test_only_who_holds_the_case_dictates_and_words_wait_until_they_are_seen(db: None) -> None:
    reader, other = make_reader(), make_reader("other")
    item = worklist.claim(make_item().pk, **by(reader))
    for kind, text in (("partial", "one"), ("partial", "one two"), ("final", "One two."), ("command", "next")):
        take_event(item.pk, kind, text=text, reader=reader, at=NOON)
    assert [event.text for event in waiting_events(item.pk, reader.pk, 0)] == ["One two.", "next"]
    assert waiting_events(item.pk, other.pk, 0) == []
    with pytest.raises(Conflict):
        take_event(item.pk, "final", text="x", reader=other, at=NOON)
    for kind, text, at in (("shout", "x", "kind"), ("command", "delete", "text"), ("final", "x" * 10_001, "text")):
        with pytest.raises(Invalid) as refused:
            take_event(item.pk, kind, text=text, reader=reader, at=NOON)
        assert refused.value.at == at
    acknowledge(item.pk, reader.pk, waiting_events(item.pk, reader.pk, 0)[0].pk)
    assert [event.text for event in waiting_events(item.pk, reader.pk, 0)] == ["next"]
    focus(item.pk, "findings", reader=reader, at=NOON + timedelta(hours=2))
    assert not DictationEvent.objects.exists()


def test_over_rest_who_does_not_hold_it_is_refused(db: None) -> None:
    reader, other = make_reader(), make_reader("other")
    item = worklist.claim(make_item().pk, **by(reader))
    client = Client()
    client.force_login(reader)
    where = f"/api/worklist/{item.pk}/dictation/"
    assert client.post(where, {"kind": "final", "text": "x"}, content_type="application/json").status_code == 202
    client.force_login(other)
    assert client.get(where).status_code == 404  # what is read is there for who holds the case alone
    assert client.post(where, {"kind": "final", "text": "x"}, content_type="application/json").status_code == 409


@pytest.fixture
def server() -> Iterator[str]:
    """Host and port of the whole application, in a thread of this process."""
    from ris.asgi import application

    config = uvicorn.Config(application, port=0, log_level="warning", lifespan="off", ws="websockets-sansio")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        threading.Event().wait(0.01)
    yield "127.0.0.1:" + str(running.servers[0].sockets[0].getsockname()[1])
    running.should_exit = True
    thread.join(timeout=10)


@pytest.mark.django_db(transaction=True)
def test_words_of_an_engine_reach_the_room_and_are_gone_when_it_has_them(server: str) -> None:
    reader = make_reader()
    item = worklist.claim(make_item(at=now()).pk, reader=reader, actor=by(reader)["actor"], at=now())
    headers = cookie(session_of(reader))
    heard = asyncio.run(_dictate(server, item.pk, headers, reader))
    assert [(event["type"], event["text"]) for event in heard if event["type"] != "partial"] == [
        ("final", "No acute finding in impression."),
        ("command", "next"),
    ]
    assert not DictationEvent.objects.exists()


async def _dictate(server: str, item_id: int, headers: dict[str, str], reader: User) -> list[dict[str, Any]]:
    url = f"ws://{server}/ws/dictation/{item_id}/"
    async with websockets.connect(url, additional_headers=headers, origin=f"http://{server}") as socket:
        await socket.send(json.dumps({"type": "start", "section": "impression"}))
        await asyncio.sleep(0.5)
        args = [sys.executable, "-c", ENGINE, f"http://{server}/api/worklist/{item_id}/dictation/", headers["Cookie"]]
        engine = await asyncio.create_subprocess_exec(*args, stderr=subprocess.PIPE)
        heard: list[dict[str, Any]] = []
        async with asyncio.timeout(30):
            while not heard or heard[-1]["type"] != "command":
                heard.append(json.loads(await socket.recv()))
            await socket.send(json.dumps({"type": "seen", "id": heard[-1]["id"]}))
            await asyncio.sleep(1)
        _, errors = await engine.communicate()
        assert engine.returncode == 0, errors.decode()[-500:]
        return heard
