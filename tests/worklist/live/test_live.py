"""The live list, through a real server and real websocket clients."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
import websockets
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.models import Session

from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.people.login.session import SEEN
from ris.people.roles import Role
from tests.factories import NOON, SiteFactory, make_user
from tests.worklist.reading import make_item, make_reader
from tests.worklist.sockets import cookie, hear, served, session_of
from worklist import services
from worklist.live.hub import DEEPEST, Client, Hub
from worklist.models import Presence
from worklist.selectors.access import Standing

pytestmark = pytest.mark.django_db(transaction=True)


def claim(item: Any, reader: Any) -> None:
    services.claim(item.pk, reader=reader, actor=Actor.of_user(reader), at=NOON)


def test_a_claim_is_seen_by_every_screen_of_the_site_within_a_second() -> None:
    reader, item = make_reader(), make_item()
    sessions = [session_of(make_reader(f"screen{n}")) for n in range(3)]

    async def watch(url: str) -> list[dict[str, Any]]:
        sockets = [await websockets.connect(url, additional_headers=cookie(s)) for s in sessions]
        assert [json.loads(await s.recv()) for s in sockets] == [{"seq": 0, "ids": []}] * 3
        await sync_to_async(claim)(item, reader)
        heard = await asyncio.gather(*(hear(s, 1.0) for s in sockets))
        await asyncio.gather(*(s.close() for s in sockets))
        return heard

    with served() as url:
        heard = asyncio.run(watch(url))
    assert heard == [{"seq": 1, "ids": [item.pk]}] * 3


def test_nothing_of_a_foreign_site_is_said() -> None:
    here, there = make_reader("here"), make_reader("there", sites=(SiteFactory(code="south"),))
    item = make_item()
    session = session_of(there)

    async def watch(url: str) -> None:
        async with websockets.connect(url, additional_headers=cookie(session)) as socket:
            await socket.recv()
            await sync_to_async(claim)(item, here)
            with pytest.raises(TimeoutError):
                await hear(socket, 1.0)

    with served() as url:
        asyncio.run(watch(url))


@pytest.mark.parametrize("who", ["nobody", "scheduler"])
def test_those_who_may_not_see_the_worklist_are_told_and_closed(who: str) -> None:
    headers = {}
    if who == "scheduler":
        headers = cookie(session_of(make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),))))

    async def knock(url: str) -> int:
        async with websockets.connect(url, additional_headers=headers) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.recv()
        return closed.value.rcvd.code if closed.value.rcvd else 0

    with served() as url:
        assert asyncio.run(knock(url)) == {"nobody": 4401, "scheduler": 4403}[who]


def test_a_revoked_session_closes_its_socket_within_five_seconds() -> None:
    session = session_of(make_reader())

    async def watch(url: str) -> int:
        async with websockets.connect(url, additional_headers=cookie(session)) as socket:
            await socket.recv()
            await sync_to_async(Session.objects.filter(session_key=session).delete)()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await hear(socket, 5.0)
        return closed.value.rcvd.code if closed.value.rcvd else 0

    with served() as url:
        assert asyncio.run(watch(url)) == 4401


def test_the_log_off_after_a_quiet_time_closes_the_socket_too() -> None:
    session = session_of(make_reader())

    async def watch(url: str) -> int:
        async with websockets.connect(url, additional_headers=cookie(session)) as socket:
            await socket.recv()
            await sync_to_async(last_seen)(session, settings.IDLE_LOCK + timedelta(seconds=1))
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await hear(socket, 10.0)
        return closed.value.rcvd.code if closed.value.rcvd else 0

    with served() as url:
        assert asyncio.run(watch(url)) == 4401


def last_seen(session: str, ago: timedelta) -> None:
    """Write into the session that its person was last seen so long ago."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session)
    store[SEEN] = int((now() - ago).timestamp())
    store.save()


def test_who_joins_while_sessions_are_looked_at_is_not_taken_for_signed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worklist.live.hub.CHECK", 0.0)
    here = Client("here", 1, frozenset({1}))
    late = Client("late", 2, frozenset({1}))

    async def look() -> None:
        one = Hub(asyncio.get_running_loop())
        one.clients = {here}

        def standing(keys: Any) -> dict[str, Standing]:
            one.clients.add(late)
            return {key: Standing(1, frozenset({1})) for key in keys}

        monkeypatch.setattr("worklist.live.hub.standing_of", standing)
        monkeypatch.setattr("worklist.live.hub.note_seen", lambda readers, at: None)
        await one._watch_sessions()

    asyncio.run(look())
    assert (here.closed, late.closed) == (0, 0)


def test_a_slow_client_holds_up_nobody_else() -> None:
    """The hub never waits for a client: what one does not take is dropped, and the others have all of it."""
    slow, quick = Client("slow", 1, frozenset({1})), Client("quick", 2, frozenset({1}))

    async def hand_out() -> list[int]:
        heard = []
        for n in range(3 * DEEPEST):
            for client in (slow, quick):
                client.tell(f"[{n}]")
            heard.append(json.loads(await quick.next_message())["seq"])
        return heard

    assert asyncio.run(hand_out()) == list(range(1, 3 * DEEPEST + 1))


def test_what_happened_without_a_bell_is_heard_from_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ris.kernel.doorbell._ring_now", lambda bell: None)
    monkeypatch.setattr("worklist.live.hub.POLL", 1.0)
    reader, item = make_reader(), make_item()
    session = session_of(reader)

    async def watch(url: str) -> dict[str, Any]:
        async with websockets.connect(url, additional_headers=cookie(session)) as socket:
            await socket.recv()
            await sync_to_async(claim)(item, reader)
            return await hear(socket, 5.0)

    with served() as url:
        assert asyncio.run(watch(url))["ids"] == [item.pk]


def test_a_slow_client_loses_messages_and_sees_that_it_did() -> None:
    async def drain() -> list[int]:
        client = Client("s", 1, frozenset({1}))
        for n in range(DEEPEST + 10):
            client.tell(f"[{n}]")
        return [json.loads(await client.next_message())["seq"] for _ in range(DEEPEST + 1)]

    numbers = asyncio.run(drain())
    assert numbers == [*range(1, DEEPEST + 1), DEEPEST + 10]


def test_a_reader_with_the_list_open_stays_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worklist.live.hub.CHECK", 0.1)
    here, gone = make_reader("here"), make_reader("gone")
    long_ago = now() - timedelta(hours=1)
    for reader in (here, gone):
        services.set_presence(reader, "available", actor=Actor.of_user(reader), at=long_ago)
    session = session_of(here)

    async def watch(url: str) -> None:
        async with websockets.connect(url, additional_headers=cookie(session)) as socket:
            await socket.recv()
            await asyncio.sleep(1.0)

    with served() as url:
        asyncio.run(watch(url))
    assert Presence.objects.get(reader=here).last_seen_at > long_ago + timedelta(minutes=59)
    assert Presence.objects.get(reader=gone).last_seen_at == long_ago
