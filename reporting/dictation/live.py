"""The room's end of the hook: ``/ws/dictation/ID/``.

The page sends ``{"type": "start", "section": …}`` when the reader enters a section, and ``{"type": "seen", "id": …}``
for what it has put into the text. It is sent ``{"id", "type", "text", "section"}``, type partial, final or command.
What is not acknowledged is sent again to the next socket, so words survive a line that breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path

from ris.kernel.clock import now
from ris.kernel.errors import Refusal
from ris.kernel.values import id_or_none
from ris.people.models import User
from worklist.selectors.access import standing_of

from ..services.drafting import held
from . import services

EVERY_S = 0.25
CHECK_EVERY = 20
"""Rounds after which it is asked again whether the session is good and the case held."""
SIGNED_OUT, FORBIDDEN = 4401, 4403


class DictationConsumer(AsyncWebsocketConsumer):
    """One room, while its reader holds the case."""

    sender: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.accept()
        user, session = self.scope.get("user"), self.scope.get("session")
        self.item_id = int(self.scope["url_route"]["kwargs"]["item_id"])
        self.key = str(session.session_key) if session is not None and session.session_key else ""
        if not isinstance(user, User) or not await self._is_good(user):
            await self.close(SIGNED_OUT if not isinstance(user, User) else FORBIDDEN)
            return
        self.user = user
        self.sender = asyncio.create_task(self._send_on())

    async def _is_good(self, user: User) -> bool:
        return bool(await database_sync_to_async(self._holds)(user))

    def _holds(self, user: User) -> bool:
        if self.key not in standing_of([self.key]):
            return False
        try:
            held(self.item_id, user)
        except Refusal:
            return False
        return True

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """See the module. What cannot be read is passed over."""
        if self.sender is None:
            return
        try:
            message = json.loads((text_data or "")[:1000])
        except (json.JSONDecodeError, RecursionError):
            return
        if not isinstance(message, dict):
            return
        if message.get("type") == "start":
            with contextlib.suppress(Refusal):
                await database_sync_to_async(services.focus)(
                    self.item_id, str(message.get("section")), reader=self.user, at=now()
                )
        elif message.get("type") == "seen" and (upto := id_or_none(message.get("id"))):
            await database_sync_to_async(services.acknowledge)(self.item_id, self.user.pk, upto)

    async def disconnect(self, code: int) -> None:
        if self.sender is not None:
            self.sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.sender

    async def _send_on(self) -> None:
        last, rounds = 0, 0
        while True:
            rounds += 1
            if rounds % CHECK_EVERY == 0 and not await self._is_good(self.user):
                await self.close(FORBIDDEN)
                return
            for event in await database_sync_to_async(services.waiting_events)(self.item_id, self.user.pk, last):
                last = event.pk
                body = {"id": event.pk, "type": event.kind, "text": event.text, "section": event.section}
                await self.send(json.dumps(body))
            await asyncio.sleep(EVERY_S)


websocket_urlpatterns: list[Any] = [path("ws/dictation/<int:item_id>/", DictationConsumer.as_asgi())]
