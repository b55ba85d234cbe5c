"""The live reading list: ``/ws/worklist/`` says which items changed, and nothing else.

A message is ``{"seq": n, "ids": [...]}``. ``seq`` grows by one with each change that concerns the client; a
number that is missing means that something was dropped, and the page re-reads its list. Every few seconds
the last number is repeated with no ids, so that a page can tell a quiet list from a dead line. Rows are read
through the normal, permission-checked views, so a socket shows nobody anything.

There is one hub in each process: one subscription and one reading of the facts, however many clients. It hands
out to bounded queues, so a slow client loses messages and never holds up the others.
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

from ris.people.models import User
from worklist.selectors.access import standing_of

from .hub import FORBIDDEN, SIGNED_OUT, Client, hub

log = structlog.get_logger(__name__)

SLOWEST_SEND = 20.0
"""Seconds that one message may take before the client is given up."""


class WorklistConsumer(AsyncWebsocketConsumer):
    """One screen. What it may hear of is asked when it connects, and every few seconds after."""

    client: Client | None = None
    sender: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = self.scope.get("user")
        session = self.scope.get("session")
        if not isinstance(user, User) or session is None or not session.session_key:
            await self._refuse(SIGNED_OUT)
            return
        key = str(session.session_key)
        standing = (await database_sync_to_async(standing_of)([key])).get(key)
        if standing is None or not standing.sites:
            await self._refuse(SIGNED_OUT if standing is None else FORBIDDEN)
            return
        await self.accept()
        self.client = Client(key, standing.user_id, standing.sites, standing.restricted)
        await hub().join(self.client)
        self.sender = asyncio.create_task(self._send_on(self.client))

    async def _refuse(self, code: int) -> None:
        await self.accept()  # or the browser is told 1006 whatever the reason
        await self.close(code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected of clients."""

    async def disconnect(self, code: int) -> None:
        if self.client is not None:
            hub().leave(self.client)
        if self.sender is not None:
            self.sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.sender

    async def _send_on(self, client: Client) -> None:
        await self.send(json.dumps({"seq": 0, "ids": []}))
        while not client.closed:
            text = await client.next_message()
            try:
                async with asyncio.timeout(SLOWEST_SEND):
                    await self.send(text)
            except (TimeoutError, RuntimeError, OSError) as error:
                log.info("live.client_lost", error=type(error).__name__)
                break
        await self._hang_up(client)

    async def _hang_up(self, client: Client) -> None:
        with contextlib.suppress(Exception):  # it may be gone already, which is as well
            await self.close(client.closed or 1011)


websocket_urlpatterns: list[Any] = [path("ws/worklist/", WorklistConsumer.as_asgi())]
