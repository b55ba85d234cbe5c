"""The hub's websockets: ``/fhircast/ws/ENDPOINT``, one an application; the address is the key.

One hub in each process reads the events of the sessions that have sockets here, once for all of them, and hands them to
bounded queues: a slow application loses its socket and holds up nobody. Who does not confirm an event within ten
seconds, refuses it or drops off is named to the others by SyncError.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path

from ris.kernel.clock import now
from worklist.live.ears import Ears, wait_for

from ..models import CastEvent, CastSubscription
from .services import CAST, current_context, report_out_of_step, standing_subscription

log = structlog.get_logger(__name__)

CONFIRM_S = 10.0
POLL_S = 2.0
CHECK_S = 5.0
"""Seconds between two looks at leases and tokens."""
DEEPEST = 64
GONE = 4410
SLOWEST_SEND_S = 20.0

ears = Ears(CAST)


class CastHub:
    """The sockets of this process by session, and how far each session was told."""

    def __init__(self) -> None:
        self.sockets: dict[int, set[CastConsumer]] = {}
        self.last: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def join(self, socket: CastConsumer, session_id: int) -> None:
        """Tell a socket what happens in the session from now on."""
        if session_id not in self.last:
            self.last[session_id] = await database_sync_to_async(_last_event)(session_id)
        self.sockets.setdefault(session_id, set()).add(socket)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def leave(self, socket: CastConsumer, session_id: int) -> None:
        """Forget a socket; with the last one the hub stops reading."""
        here = self.sockets.get(session_id, set())
        here.discard(socket)
        if not here:
            self.sockets.pop(session_id, None)
            self.last.pop(session_id, None)
        if not self.sockets and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        bell = ears.join()
        try:
            while True:
                await wait_for(bell, POLL_S)
                try:
                    events = await database_sync_to_async(_news)(dict(self.last))
                except Exception as error:  # a database that is away: go on when it is back
                    log.warning("live.interrupted", part="fhircast", error=type(error).__name__)
                    continue
                self._hand_out(events)
        finally:
            ears.leave(bell)

    def _hand_out(self, events: list[CastEvent]) -> None:
        for event in events:
            if event.session_id not in self.last:
                continue
            self.last[event.session_id] = max(self.last[event.session_id], event.pk)
            text = json.dumps(event.body)  # once for all sockets of the session
            for socket in self.sockets.get(event.session_id, ()):
                if event.name in socket.events and socket.endpoint != event.not_to:
                    socket.offer(event.name, str(event.body.get("id", "")), text)


def _last_event(session_id: int) -> int:
    return CastEvent.objects.filter(session=session_id).order_by("-pk").values_list("pk", flat=True).first() or 0


def _news(last: dict[int, int]) -> list[CastEvent]:
    rows = CastEvent.objects.filter(session__in=last, pk__gt=min(last.values(), default=0)).order_by("pk")
    return [row for row in rows if row.pk > last[row.session_id]]


_hubs: dict[asyncio.AbstractEventLoop, CastHub] = {}


def cast_hub() -> CastHub:
    """The hub of the running event loop (a process has one)."""
    for old in [loop for loop in _hubs if loop.is_closed()]:
        del _hubs[old]
    return _hubs.setdefault(asyncio.get_running_loop(), CastHub())


class CastConsumer(AsyncWebsocketConsumer):
    """One application at one desk."""

    session_id: int | None = None
    tasks: tuple[asyncio.Task[None], ...] = ()

    async def connect(self) -> None:
        self.endpoint = self.scope["url_route"]["kwargs"]["endpoint"]
        row = await database_sync_to_async(_stands)(self.endpoint)
        await self.accept()
        if row is None:
            await self.close(GONE)
            return
        self.queue: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue(DEEPEST)
        self.unconfirmed: dict[str, tuple[str, float]] = {}
        self.events = frozenset(row.events)
        self.is_over = False
        lease = int((row.until - now()).total_seconds())
        confirmation = {
            "hub.mode": "subscribe", "hub.topic": row.session.topic, "hub.events": ",".join(row.events),
            "hub.lease_seconds": lease,
        }  # fmt: skip
        await self.send(json.dumps(confirmation))
        if row.session.anchor and f"{row.session.anchor.lower()}-open" in self.events:
            await self.send(json.dumps(_opened(row)))  # who joins late learns what is open
        await cast_hub().join(self, row.session_id)
        self.session_id = row.session_id
        self.tasks = (asyncio.create_task(self._send_on()), asyncio.create_task(self._watch()))

    def offer(self, name: str, event_id: str, text: str) -> None:
        """Queue an event; an application that does not keep up loses its socket."""
        try:
            self.queue.put_nowait((name, event_id, text))
        except asyncio.QueueFull:
            self.is_over = True

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A confirmation ``{id, status}``; a refusal (400 and above) is told to the others."""
        try:
            answer = json.loads(text_data or "")
            event_id, status = str(answer["id"]), int(str(answer.get("status", "200"))[:3])
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        known = self.unconfirmed.pop(event_id, None)
        if known is not None and status >= 400:
            await self._out_of_step(event_id, known[0], f"It was refused with {status}.")

    async def disconnect(self, code: int) -> None:
        for task in self.tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self.session_id is None:
            return
        cast_hub().leave(self, self.session_id)
        if code not in (1000, 1001, GONE) and not self.is_over:
            await self._out_of_step("", "", "It dropped off.")

    async def _send_on(self) -> None:
        while True:
            name, event_id, text = await self.queue.get()
            if name != "syncerror":
                self.unconfirmed[event_id] = (name, asyncio.get_running_loop().time() + CONFIRM_S)
            async with asyncio.timeout(SLOWEST_SEND_S):
                await self.send(text)

    async def _watch(self) -> None:
        """Confirmations that are late, a socket that is too slow, a lease or a token that is over."""
        checked = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(1.0)
            time = asyncio.get_running_loop().time()
            for event_id, (name, until) in list(self.unconfirmed.items()):
                if until <= time:
                    del self.unconfirmed[event_id]
                    await self._out_of_step(event_id, name, "It did not confirm within 10 seconds.")
            if self.is_over:
                await self._out_of_step("", "", "It does not keep up.")
                await self.close(1013)
                return
            if time - checked >= CHECK_S:
                checked = time
                row = await database_sync_to_async(_stands)(self.endpoint)
                if row is None:
                    await self.close(GONE)
                    return
                self.events = frozenset(row.events)

    async def _out_of_step(self, event_id: str, name: str, why: str) -> None:
        await database_sync_to_async(report_out_of_step)(self.endpoint, event_id, name, why, at=now())


def _stands(endpoint: str) -> CastSubscription | None:
    return standing_subscription(endpoint, at=now())


def _opened(row: CastSubscription) -> dict[str, Any]:
    """The event that opened what is open, for a socket that was not there."""
    session, current = row.session, current_context(row.session)
    event = {"hub.topic": session.topic, "hub.event": f"{session.anchor}-open", "context": current["context"]}
    event["context.versionId"] = session.version_id
    return {"timestamp": session.changed_at.isoformat(), "id": f"open-{session.version_id}", "event": event}


websocket_urlpatterns: list[Any] = [path("fhircast/ws/<str:endpoint>", CastConsumer.as_asgi())]
