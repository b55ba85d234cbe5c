"""Live fan-out: how soon a change of the worklist is on the screens of a thousand people.

    .venv/bin/python bench/fanout.py [--clients 1000] [--events 20] [--seconds 20]
    DATABASE_URL=postgres://… REDIS_URL=redis://… .venv/bin/python bench/fanout.py    (an empty database)

The server is a process of its own, as it is run: with REDIS_URL ``serve web``, and this process changes the worklist
and rings the bell that crosses to it; without, ``serve all`` on SQLite, and the changes are claims and releases
by REST. The time of a change is its commit, or by REST the moment at which it was asked for. Clients
are sockets that count and time what they hear; a number that is missing would be printed as lost.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filling.worklist import ROOT, make_house, make_items, migrate, percentiles, start_django

PLACE = re.compile(r"^ {2}web +http://([\d.]+):(\d+)/", re.MULTILINE)
ITEMS = 400
"""Each change is of another item, for so many changes: none is told together with an earlier one of its own."""

began: dict[int, float] = {}
"""Item → when its latest change began to be news."""


class Screen(asyncio.Protocol):
    """A websocket client that reads small unmasked frames and answers pings (RFC 6455 section 5)."""

    def __init__(self, host: str, session: str, up: asyncio.Event) -> None:
        self._ask = (
            f"GET /ws/worklist/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"Sec-WebSocket-Version: 13\r\nCookie: {session}\r\n\r\n"
        )
        self._up, self._bytes, self._shaken = up, b"", False
        self.seq = self.heard = self.gaps = 0
        self.delays: list[float] = []
        self.ended = ""
        """Why the line ended: the answer to the handshake, or the code of a close frame."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._transport.write(self._ask.encode())

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        self._bytes += data
        if not self._shaken:
            head, found, rest = self._bytes.partition(b"\r\n\r\n")
            if not found:
                return
            self._shaken, self._bytes = True, rest
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.ended = head.split(b"\r\n", 1)[0].decode()
        while len(self._bytes) >= 2:
            kind, size, begin = self._bytes[0] & 15, self._bytes[1], 2
            if size == 126:
                size, begin = int.from_bytes(self._bytes[2:4], "big"), 4
            if len(self._bytes) < begin + size:
                return
            said, self._bytes = self._bytes[begin : begin + size], self._bytes[begin + size :]
            if kind == 1:
                self._hear(json.loads(said), at)
            elif kind == 8:
                self.ended = str(int.from_bytes(said[:2], "big"))
            elif kind == 9:
                self._transport.write(bytes([0x8A, 0x80 | size, 0, 0, 0, 0]) + said)  # a pong, masked with zeros

    def _hear(self, message: dict[str, Any], at: float) -> None:
        self._up.set()
        self.gaps += bool(message["ids"]) and message["seq"] != self.seq + 1
        self.seq = message["seq"]
        self.heard += len(message["ids"])
        self.delays += [at - began[pk] for pk in message["ids"]]

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = self.ended or f"cut off: {error}"
        self._up.set()


def sessions(users: list[Any], number: int) -> list[str]:
    """Cookies of people who are logged in, made as a log-in makes them."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    found = []
    for n in range(number):
        user = users[n % len(users)]
        store = import_module(settings.SESSION_ENGINE).SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.save()
        found.append(f"{settings.SESSION_COOKIE_NAME}={store.session_key}")
    return found


def start_server() -> tuple[subprocess.Popen[str], str]:
    role = "web" if os.environ.get("REDIS_URL") else "all"
    anywhere = dict.fromkeys(("RIS_HTTP", "RIS_MLLP", "RIS_DICOM"), "127.0.0.1:0")
    command = [sys.executable, str(ROOT / "manage.py"), "serve", role]
    server = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | anywhere | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    said = ""
    while "Up." not in said:
        line = server.stdout.readline() if server.stdout else ""
        if not line:
            raise SystemExit(f"The server did not start:\\n{said}")
        said += line
    found = PLACE.search(said)
    assert found is not None
    return server, f"{found[1]}:{found[2]}"


def by_rows(items: list[Any], users: list[Any]) -> Callable[[int], None]:
    from django.db import transaction

    from ris.kernel import doorbell
    from ris.kernel.clock import now
    from ris.kernel.events import emit
    from worklist.events import WORKLIST_BELL, ItemClaimed

    def change(n: int) -> None:
        item = items[n % ITEMS]
        with transaction.atomic():
            emit(ItemClaimed(stream=item.accession, at=now(), item_id=item.pk, reader_id=users[0].pk))
            doorbell.ring(WORKLIST_BELL)
            began[item.pk] = time.monotonic()

    return change


def by_rest(host: str, items: list[Any], users: list[Any]) -> Callable[[int], None]:
    from ris.audit.services import Actor
    from ris.kernel.clock import now
    from ris.people.services import issue_token

    token = issue_token(users[0], label="bench", actor=Actor.job("bench"), at=now())

    def change(n: int) -> None:
        item, what = items[n % ITEMS], "claim" if n // ITEMS % 2 == 0 else "release"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{host}/api/worklist/{item.pk}/{what}/", b"{}", headers)
        began[item.pk] = time.monotonic()
        urllib.request.urlopen(request, timeout=30).read()

    return change


def processor_seconds(pid: int) -> float:
    """What a process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def watch(
    host: str, pid: int, cookies: list[str], change: Callable[[int], None], events: float, seconds: float
) -> None:
    address, port = host.split(":")
    screens: list[Screen] = []
    for cookie in cookies:
        up = asyncio.Event()
        screen = Screen(host, cookie, up)
        await asyncio.get_running_loop().create_connection(lambda one=screen: one, address, int(port))  # type: ignore[misc]
        await asyncio.wait_for(up.wait(), 30)
        screens.append(screen)
    number = int(events * seconds)

    def act() -> None:
        begin = time.monotonic()
        for n in range(number):
            time.sleep(max(0.0, begin + n / events - time.monotonic()))
            change(n)

    actor = threading.Thread(target=act)
    begin, used = time.monotonic(), processor_seconds(pid)
    actor.start()
    while actor.is_alive():
        await asyncio.sleep(0.1)
    took = time.monotonic() - begin
    await asyncio.sleep(2.0)
    used = processor_seconds(pid) - used
    delays = [delay for screen in screens for delay in screen.delays]
    lost = sum(number - screen.heard for screen in screens)
    ordered = sorted(delays)
    print(f"{len(screens)} clients, {number / took:.1f} changes/s for {took:.0f} s: {len(delays)} heard, {lost} lost,")
    print(
        f"  {sum(s.gaps for s in screens)} gaps; lines that ended: {dict(Counter(s.ended for s in screens if s.ended))}"
    )
    print(f"  server: {used:.1f} s of processor time, {1e6 * used / max(len(delays), 1):.0f} µs a delivery")
    print(f"  change → screen: {percentiles(delays)}  p99 {1000 * ordered[int(len(ordered) * 0.99)]:7.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--events", type=float, default=20.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    said = parser.parse_args()
    start_django()
    from ris.kernel.clock import now
    from worklist.models import ReadingItem

    migrate()
    users = make_house(100)
    make_items(ITEMS, now())
    items = list(ReadingItem.objects.order_by("pk"))
    cookies = sessions(users, said.clients)
    server, host = start_server()
    try:
        change = by_rows(items, users) if os.environ.get("REDIS_URL") else by_rest(host, items, users)
        asyncio.run(watch(host, server.pid, cookies, change, said.events, said.seconds))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
