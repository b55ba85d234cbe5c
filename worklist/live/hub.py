"""One hub in each process: reads the worklist's facts once and hands them out to the screens of this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from channels.db import database_sync_to_async

from ris.kernel import doorbell
from ris.kernel.clock import now
from worklist.events import WORKLIST_BELL
from worklist.selectors.access import confidential_items, standing_of
from worklist.services.roster import SEEN_AGAIN, note_seen

from .announcer import Announcer, hear_others
from .feed import Feed

log = structlog.get_logger(__name__)

GROUP = "worklist"
POLL = 5.0
"""Seconds between two looks at the database when no bell rings, so also the worst delay while Redis is away."""
CHECK = 2.0
"""Seconds between two looks at the sessions: a revoked one's socket closes within twice that."""
BREATH = 0.02
"""Seconds that a reading waits for more bells to be answered with it."""
DEEPEST = 64
"""Messages that wait for one client; further ones are dropped and the client re-reads."""


# 4000 to 4999 are free for applications (RFC 6455 7.4.2).
SIGNED_OUT, FORBIDDEN = 4401, 4403
"""Close codes, after the HTTP statuses."""


class Client:
    """A screen, as the hub sees it. ``closed``: the code with which it is to be closed; 0 while it is not."""

    def __init__(
        self, session_key: str, user_id: int, sites: frozenset[int], restricted: frozenset[int] = frozenset()
    ) -> None:
        self.session_key, self.user_id, self.sites, self.restricted = session_key, user_id, sites, restricted
        self.seq = 0
        self.closed = 0
        self._queue: asyncio.Queue[str] = asyncio.Queue(DEEPEST)
        self._dropped = False

    def tell(self, ids: str) -> None:
        """Queue a change (``ids`` is JSON), or drop it when the client is too slow: the gap in seq shows it."""
        self.seq += 1
        try:
            self._queue.put_nowait(f'{{"seq": {self.seq}, "ids": {ids}}}')
        except asyncio.QueueFull:
            self._dropped = True

    def skip(self) -> None:
        """Tell of a change without an id: the gap has the page re-read its list, which shows what it may show."""
        self.seq += 1
        self._dropped = not self._queue.empty()
        self.breathe()

    def breathe(self) -> None:
        """Repeat the last number, unless there are messages on the way anyhow."""
        if self._queue.empty():
            self._queue.put_nowait(self._quiet())

    def close(self, code: int) -> None:
        """Have the socket closed with this code."""
        self.closed = code
        if self._queue.empty():
            self._queue.put_nowait(self._quiet())

    async def next_message(self) -> str:
        """Wait for the next message to the client."""
        if self._dropped and self._queue.empty():
            self._dropped = False
            return self._quiet()  # its number is past the gap, so the client sees the gap now
        return await self._queue.get()

    def _quiet(self) -> str:
        return f'{{"seq": {self.seq}, "ids": []}}'


class Hub:
    """Runs while there are clients, in the event loop that made it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clients: set[Client] = set()
        self._bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._feed = Feed()
        self._seen: dict[int, datetime] = {}

    async def join(self, client: Client) -> None:
        """Let a client hear of what changes from now on."""
        if not self._tasks:
            self._feed = Feed()
            loops: tuple[Callable[[], Any], ...] = (self._hand_out, self._listen, self._watch_sessions)
            self._tasks = [asyncio.create_task(self._forever(loop)) for loop in loops]
            await database_sync_to_async(self._feed.news)()  # the first call only finds the place to read from
        self.clients.add(client)

    def leave(self, client: Client) -> None:
        """Forget a client; with the last one the hub stops reading."""
        self.clients.discard(client)
        if not self.clients:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    def wake(self) -> None:
        """Something changed. May be called from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closing
            self.loop.call_soon_threadsafe(self._bell.set)

    async def _forever(self, run: Callable[[], Any]) -> None:
        while True:
            try:
                await run()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # a database or a broker that is away: go on when it is back
                log.warning("live.interrupted", part=run.__name__, error=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _hand_out(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), POLL)
            await asyncio.sleep(BREATH)
        self._bell.clear()
        news, private = await database_sync_to_async(self._read)()
        if not news:
            for client in self.clients:
                client.breathe()
            return
        # One text for all clients of the same sites: JSON is made once, not once a client.
        texts: dict[tuple[frozenset[int], frozenset[int]], tuple[str, bool]] = {}
        for client in self.clients:
            key = (client.sites, client.restricted)
            if key not in texts:
                theirs = {pk for pk, site in news.items() if site in client.sites}
                hidden = {pk for pk in theirs if pk in private or news[pk] in client.restricted}
                ids = sorted(theirs - hidden)
                texts[key] = (json.dumps(ids) if ids else "", bool(hidden))
            text, is_part_hidden = texts[key]
            if is_part_hidden:
                client.skip()
            if text:
                client.tell(text)

    def _read(self) -> tuple[dict[int, int], frozenset[int]]:
        """What changed, and which of it is of confidential patients: its ids are sent to nobody."""
        news = self._feed.news()
        return news, confidential_items(news)

    async def _listen(self) -> None:
        """Bells of other processes, through the channel layer."""
        await hear_others(GROUP, self._bell.set)

    async def _watch_sessions(self) -> None:
        await asyncio.sleep(CHECK)
        asked = list(self.clients)  # who joins while the database is asked was not asked about, and is not closed
        keys = list({client.session_key for client in asked})
        standings = await database_sync_to_async(standing_of)(keys)
        for client in asked:
            standing = standings.get(client.session_key)
            if standing is None or not standing.sites:
                client.close(SIGNED_OUT if standing is None else FORBIDDEN)
            else:
                client.sites, client.restricted = standing.sites, standing.restricted
        await self._keep_present()

    async def _keep_present(self) -> None:
        """Whoever has the list open is here. Written at most once in SEEN_AGAIN for each reader."""
        at = now()
        self._seen = {reader: then for reader, then in self._seen.items() if then > at - SEEN_AGAIN}
        due = {client.user_id for client in self.clients if not client.closed} - set(self._seen)
        if due:
            await database_sync_to_async(note_seen)(due, at)
            self._seen |= dict.fromkeys(due, at)


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running event loop (a process has one)."""
    loop = asyncio.get_running_loop()
    for old in [other for other in _hubs if other.is_closed()]:
        del _hubs[old]
    return _hubs.setdefault(loop, Hub(loop))


def _wake_hubs() -> None:
    for hub_of_loop in list(_hubs.values()):  # a copy: another thread may start its hub meanwhile
        hub_of_loop.wake()


_announcer = Announcer(GROUP, _wake_hubs)
doorbell.answer(WORKLIST_BELL, _announcer.announce)
