"""A webhook that listens on this machine."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest


@pytest.fixture
def loopback_allowed(settings: Any) -> None:
    """The webhooks of these tests listen on this machine."""
    settings.RIS = dataclasses.replace(settings.RIS, webhook_networks=("127.0.0.0/8",))


class Hook(BaseHTTPRequestHandler):
    """What it was sent, and what it is to answer (204 when nothing is left)."""

    signed: ClassVar[list[dict[str, str]]] = []
    heard: ClassVar[list[tuple[str, bytes]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.headers["Idempotency-Key"], body))
        self.signed.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.end_headers()

    def log_message(self, *said: Any) -> None:
        """Nothing on the test's standard error."""


@pytest.fixture
def hook() -> Iterator[str]:
    """The address of a webhook's receiver."""
    Hook.heard, Hook.answers, Hook.signed = [], [], []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/late"
    server.shutdown()
    server.server_close()
