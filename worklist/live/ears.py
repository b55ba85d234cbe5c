"""Sockets that wait for a bell of their own: woken in every process, and every few seconds in case a bell was lost."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from ris.kernel import doorbell

from .announcer import Announcer, hear_others

log = structlog.get_logger(__name__)

AGAIN = 1.0
"""Seconds until others are listened to again after the broker failed."""


class Ears:
    """Who listens to one doorbell. Each listener has an event of its own, in the loop it lives in."""

    def __init__(self, bell: str) -> None:
        self._bell = bell
        self._heard: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._listening: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        doorbell.answer(bell, Announcer(bell, self.wake).announce)

    def wake(self) -> None:
        """Wake the listeners of this process. May be called from any thread."""
        for event, loop in list(self._heard.items()):
            with contextlib.suppress(RuntimeError):  # the loop is closing
                loop.call_soon_threadsafe(event.set)

    def join(self) -> asyncio.Event:
        """An event that is set whenever the bell rings; the listener clears it."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        self._heard[event] = loop
        if loop not in self._listening:
            self._listening[loop] = loop.create_task(self._listen())
        return event

    def leave(self, event: asyncio.Event) -> None:
        """Forget a listener; with the last of a loop nobody listens to other processes."""
        loop = self._heard.pop(event, None)
        if loop is not None and loop not in self._heard.values() and loop in self._listening:
            self._listening.pop(loop).cancel()

    async def _listen(self) -> None:
        while True:
            try:
                await hear_others(self._bell, self.wake)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # the broker is away: listeners poll
                log.warning("live.interrupted", part=self._bell, error=type(error).__name__)
                await asyncio.sleep(AGAIN)


async def wait_for(event: asyncio.Event, timeout_s: float) -> None:
    """Until the bell rings, or for so long."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
    event.clear()
