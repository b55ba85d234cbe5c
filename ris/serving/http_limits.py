"""Limits of the web role: connections, time for a request's head, size and time of its body.

Pages, HL7 and DICOM may share one process and its descriptors, so the web role takes no more than its part of them.
Django keeps a body on the disk before anybody has logged in, so its size is bounded before Django sees it: little from
who shows no session and no token, enough for the largest upload (a table of codes, a PDF) from who does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from ris.kernel.values import number_or_none

log = structlog.get_logger(__name__)

HEAD_S = 15.0
"""From the connection, or the end of the last answer, to the end of a request's head."""
BODY_S = 60.0
"""For the whole body: 10 MB in it are 1.3 Mbit/s."""
HEAD_BYTES = 32 * 1024  # browsers send 1–2 KB; cookies of other applications on the same host name add some
BODY_BYTES = 10_000_000
"""From who shows a session or a token: a table of codes or a PDF."""
STRANGER_BYTES = 64 * 1024
"""From who shows neither a session nor a token: a log-in form has 1 KB."""


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself bounds neither connections nor the time until a request's head is whole."""

    most_connections = 500

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or close it at once when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            log.warning("http.too-many-connections", most=self.most_connections)
            transport.abort()
            return
        self._idle_looks = 0
        self.loop.call_later(HEAD_S / 2, self._look)

    def _look(self) -> None:
        """Close a connection that was found without a request at two looks in a row. Ends with the connection.

        A websocket is another protocol's from its handshake on, and no longer among ours.
        """
        if self not in self.connections:
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        self._idle_looks = 0 if answering else self._idle_looks + 1
        if self._idle_looks >= 2:
            self.transport.close()
            return
        self.loop.call_later(HEAD_S / 2, self._look)


class BodyLimits:
    """ASGI middleware: 413 for too large a body, 408 for one that does not come; the rest passes untouched."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        # Shown, not checked: that needs the database. A stranger who makes one up is still held to BODY_BYTES.
        shows_credentials = b"authorization" in headers or b"sessionid=" in headers.get(b"cookie", b"")
        most = BODY_BYTES if shows_credentials else STRANGER_BYTES
        length = headers.get(b"content-length", b"0").decode("latin-1")
        if number_or_none(length, most=most) is None:
            await _refuse(send, 413, "too-large", f"A body has at most {most} bytes.")
            return
        body = _Body(receive, most)
        try:
            await self._app(scope, body.receive, body.watch(send))
        except _BodyRefused as refusal:
            if not body.answered:
                await _refuse(send, refusal.status, refusal.code, refusal.detail)


class _BodyRefused(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


class _Body:
    """Counts and times a body while it is read: a chunked body has no Content-Length to look at before."""

    def __init__(self, receive: ASGIReceiveCallable, most: int) -> None:
        self._receive, self._most = receive, most
        self._read_bytes = 0
        self._whole = False
        self._until = asyncio.get_running_loop().time() + BODY_S
        self.answered = False

    async def receive(self) -> ASGIReceiveEvent:
        """The next piece. Raises _BodyRefused."""
        if self._whole:
            return await self._receive()  # only http.disconnect can follow, at any time
        try:
            async with asyncio.timeout_at(self._until):
                event = await self._receive()
        except TimeoutError:
            raise _BodyRefused(408, "timeout", f"The body was not here within {BODY_S:.0f} seconds.") from None
        if event["type"] == "http.request":
            self._read_bytes += len(event["body"])
            self._whole = not event["more_body"]
            if self._read_bytes > self._most:
                raise _BodyRefused(413, "too-large", f"A body has at most {self._most} bytes.")
        return event

    def watch(self, send: ASGISendCallable) -> ASGISendCallable:
        """``send``, noting that an answer has begun."""

        async def noting(event: Any) -> None:
            self.answered = True
            await send(event)

        return noting


async def _refuse(send: ASGISendCallable, status: int, code: str, detail: str) -> None:
    """Send problem details (RFC 9457) and close the connection without reading the rest of the body."""
    title = {408: "Request Timeout", 413: "Content Too Large"}[status]
    body = json.dumps(
        {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    ).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def limit(app: ASGI3Application, descriptors: int) -> tuple[BodyLimits, type[H11Protocol]]:
    """The application with its limits, and the protocol to serve it with: half of the process's descriptors at most."""
    # The other half is for MLLP, DICOM, the database and files.
    most = max(16, min(4000, descriptors // 2))
    protocol = type("LimitedProtocol", (LimitedProtocol,), {"most_connections": most})
    return BodyLimits(app), protocol
