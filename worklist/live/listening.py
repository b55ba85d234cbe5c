"""A websocket that sends what is new whenever its bell rings, for as long as its token counts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import ClassVar

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError

from .ears import Ears, wait_for

log = structlog.get_logger(__name__)

POLL_S = 5.0
"""A bell may be lost; what is new is looked for at least this often."""
UNAUTHORIZED = 4401


class ListeningConsumer(AsyncWebsocketConsumer):
    """``ears`` says which bell; ``send_news`` sends what is new. Call ``listen`` once the socket is accepted."""

    ears: ClassVar[Ears]
    _sender: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begin to send news."""
        self.bell = self.ears.join()
        self._sender = asyncio.create_task(self._send_on())

    async def send_news(self) -> bool:
        """Send what is new; return whether the socket may go on."""
        raise NotImplementedError

    async def disconnect(self, code: int) -> None:
        if self._sender is not None:
            self.ears.leave(self.bell)
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender

    async def _send_on(self) -> None:
        while True:
            await wait_for(self.bell, POLL_S)
            try:
                if await self.send_news():
                    continue
            except DatabaseError as error:  # it is away: go on when it is back
                log.warning("live.interrupted", part=type(self).__name__, error=type(error).__name__)
                continue
            await self.close(UNAUTHORIZED)
            return
