"""A doorbell that websockets of every process hear: in this process at once, in others through the channel layer."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from channels.layers import InMemoryChannelLayer, get_channel_layer

log = structlog.get_logger(__name__)

DEAF = 1.0
"""Seconds that no bell is sent after one could not be."""


async def hear_others(group: str, on_bell: Callable[[], object]) -> None:
    """Call ``on_bell`` whenever another process rings; runs until it is cancelled, or the broker fails."""
    layer = get_channel_layer()
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        await asyncio.Event().wait()  # for ever: no other process can be heard, and this one's are woken
        return
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    while True:
        await layer.receive(channel)
        on_bell()


class Announcer:
    """Rings in other processes, from a thread of its own: a broker that is slow or away holds up nobody."""

    def __init__(self, group: str, wake: Callable[[], object]) -> None:
        self._group, self._wake = group, wake
        self._pid = 0
        self._ring = threading.Event()

    def announce(self) -> None:
        """Wake the sockets of this process, and soon those of others. Raises nothing of the broker's."""
        self._wake()
        layer = get_channel_layer()
        if layer is None or isinstance(layer, InMemoryChannelLayer):
            return
        if self._pid != os.getpid():  # threads do not survive a fork
            self._pid, self._ring = os.getpid(), threading.Event()
            threading.Thread(target=self._run, args=(layer,), name=f"{self._group}-bell", daemon=True).start()
        self._ring.set()

    def _run(self, layer: Any) -> None:
        loop = asyncio.new_event_loop()
        is_heard = True
        while True:
            self._ring.wait()
            self._ring.clear()
            try:
                loop.run_until_complete(asyncio.wait_for(layer.group_send(self._group, {"type": "bell"}), 5.0))
                is_heard = True
            except Exception as error:  # who listens polls, so this is a delay; said once an outage
                if is_heard:
                    log.warning("live.bell_unheard", error=type(error).__name__)
                is_heard = False
                time.sleep(DEAF)
