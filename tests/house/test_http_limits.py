"""What a stranger may send to the web role, how much of it, and for how long."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from ris.serving import http_limits
from ris.serving.http_limits import BODY_BYTES, STRANGER_BYTES, BodyLimits, limit


async def echo_length(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the whole body and answers with its length."""
    length, more = 0, True
    while more:
        event = await receive()
        length, more = length + len(event.get("body", b"")), event.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def call(pieces: list[bytes], headers: dict[str, str], *, stall: bool = False) -> tuple[int, bytes]:
    """Status and body of what BodyLimits answers to a body of these pieces; ``stall``: the last one never comes."""
    sent: list[dict[str, Any]] = []
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        if not waiting and stall:
            await asyncio.Event().wait()
        piece = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": piece, "more_body": bool(waiting) or stall}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    scope = {"type": "http", "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()]}
    asyncio.run(BodyLimits(echo_length)(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], sent[1]["body"]


KNOWN = {"Cookie": "csrftoken=1; sessionid=abc"}


@pytest.mark.parametrize(
    ("size", "headers", "status"),
    [
        (STRANGER_BYTES, {}, 200),
        (STRANGER_BYTES + 1, {}, 413),
        (STRANGER_BYTES + 1, KNOWN, 200),
        (STRANGER_BYTES + 1, {"Authorization": "Bearer x"}, 200),
        (BODY_BYTES, KNOWN, 200),
        (BODY_BYTES + 1, KNOWN, 413),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_as_large_as_its_sender_may_send(
    size: int, headers: dict[str, str], status: int, chunked: bool
) -> None:
    length = {} if chunked else {"Content-Length": str(size)}
    piece = 60_000
    pieces = [b"x" * min(piece, size - start) for start in range(0, size, piece)]
    answer = call(pieces, headers | length)
    assert answer[0] == status
    assert answer[1] == str(size).encode() if status == 200 else json.loads(answer[1])["code"] == "too-large"


@pytest.mark.parametrize("length", ["-1", "1e9", "²", "9" * 30, "9" * 5000])
def test_a_length_that_is_none_or_beyond_all_is_refused_before_anything_is_read(length: str) -> None:
    assert call([b"x"], {"Content-Length": length} | KNOWN)[0] == 413


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "BODY_S", 0.05)
    status, body = call([b"x"], KNOWN, stall=True)
    assert (status, json.loads(body)["code"]) == (408, "timeout")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], int]]:
    """Serves ``echo_length`` in a process of so many descriptors; returns the port."""
    monkeypatch.setattr(http_limits, "HEAD_S", 0.2)
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(descriptors: int) -> int:
        app, protocol = limit(echo_length, descriptors)  # type: ignore[arg-type]
        config = uvicorn.Config(app, http=protocol, log_config=None, lifespan="off", ws="none")  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return int(listener.getsockname()[1])

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)


def is_closed(peer: socket.socket) -> bool:
    peer.settimeout(10)
    try:
        return peer.recv(100) == b""
    except ConnectionResetError:
        return True


def ask(peer: socket.socket) -> bytes:
    peer.settimeout(10)
    peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n0\r\n\r\n"):  # the end of a chunked body
        answer += peer.recv(1000)
    return answer


def test_a_connection_that_asks_for_nothing_is_closed_and_so_is_one_that_trickles(serve: Callable[[int], int]) -> None:
    port = serve(100)
    with socket.create_connection(("127.0.0.1", port)) as silent, socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost")
        assert is_closed(silent)
        assert is_closed(slow)


def test_more_connections_than_the_web_roles_part_are_closed_at_once_and_the_others_served(
    serve: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_limits, "HEAD_S", 60.0)
    port = serve(32)  # 16 connections
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
    assert all(b"200 OK" in ask(peer) for peer in held)
    with socket.create_connection(("127.0.0.1", port)) as seventeenth:
        assert is_closed(seventeenth)
    assert b"200 OK" in ask(held[0])
    for peer in held:
        peer.close()
