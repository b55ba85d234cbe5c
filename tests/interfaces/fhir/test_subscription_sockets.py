"""Subscriptions by websocket, through a real server: bound by a token, told within a second, closed when it ends."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from unittest.mock import patch

import pytest
import websockets
from asgiref.sync import sync_to_async
from django.db import OperationalError

from ris.asgi import application
from ris.kernel.clock import now
from ris.kernel.relay import deliver_owed
from ris.people.models import ApiToken
from tests.factories import make_order, perform
from tests.interfaces.fhir.asking import Asking
from tests.interfaces.fhir.receiving import told
from tests.interfaces.fhir.test_subscriptions import wanted
from tests.serving import wait_for
from tests.worklist.reading import make_reader
from tests.worklist.sockets import served

pytestmark = pytest.mark.django_db(transaction=True)


def complete_an_exam() -> None:
    perform(make_order(at=now()).procedures.get(), at=now())
    deliver_owed(at=now())


def test_a_bound_socket_hears_events_over_an_outage_and_is_closed_with_its_token() -> None:
    asking = Asking(make_reader())
    body = wanted("exam-completed")
    body["channel"] = {"type": "websocket", "payload": "application/fhir+json"}
    pk = asking.send("post", "Subscription", body).json()["id"]
    complete_an_exam()
    answer = asking.read(f"Subscription/{pk}/$get-ws-binding-token")
    token = next(one["valueString"] for one in answer["parameter"] if one["name"] == "token")

    async def listen(url: str) -> tuple[list[Any], int, int]:
        where = url.rpartition("/ws/")[0] + "/fhir/R4/ws"
        async with websockets.connect(where) as stranger:
            await stranger.send("bind-with-token forged")
            with pytest.raises(websockets.ConnectionClosed) as refused:
                await stranger.recv()
        async with websockets.connect(where) as socket:
            await socket.send(f"bind-with-token {token}")
            heard = [json.loads(await socket.recv())]
            await sync_to_async(complete_an_exam)()
            heard.append(json.loads(await asyncio.wait_for(socket.recv(), 1.0)))
            with patch("interfaces.fhir.subscriptions.live._news", side_effect=OperationalError) as away:
                await sync_to_async(complete_an_exam)()
                await sync_to_async(wait_for)(lambda: away.called, seconds=5, what="the database is asked")
            heard.append(json.loads(await asyncio.wait_for(socket.recv(), 7.0)))
            await sync_to_async(ApiToken.objects.update)(revoked_at=now())
            await sync_to_async(complete_an_exam)()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 7.0)
        codes = [one.value.rcvd.code if one.value.rcvd else 0 for one in (refused, closed)]
        return heard, codes[0], codes[1]

    with served(application) as url:
        heard, refused, closed = asyncio.run(listen(url))
    assert [(one["type"], one["since"], len(one["events"])) for one in map(told, heard)] == [
        ("handshake", 1, 0),
        ("event-notification", 2, 1),
        ("event-notification", 3, 1),
    ]
    assert (refused, closed) == (4401, 4401)
