"""A subscriber for tests: a server that keeps what it is sent, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

Json = dict[str, Any]


class Hook(BaseHTTPRequestHandler):
    """Answers 204, unless ``answers`` has other statuses."""

    heard: ClassVar[list[Json]] = []
    headers_heard: ClassVar[list[dict[str, str]]] = []
    answers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        """Keep the Bundle."""
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.headers_heard.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.end_headers()

    def log_message(self, *said: Any) -> None:
        """Nothing on the test's standard error."""


@contextmanager
def receiver() -> Iterator[str]:
    """The address of a receiver that has heard nothing yet."""
    Hook.heard, Hook.headers_heard, Hook.answers = [], [], []
    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/emr"
    server.shutdown()
    server.server_close()


def told(bundle: Json) -> dict[str, Any]:
    """The status of a notification: type, count, and (number, focus) of its events."""
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "history")
    parameters = bundle["entry"][0]["resource"]["parameter"]
    values = {
        one["name"]: next(v for k, v in one.items() if k.startswith("value")) for one in parameters if "part" not in one
    }
    events = []
    for one in parameters:
        if "part" in one:
            parts = {part["name"]: next(v for k, v in part.items() if k.startswith("value")) for part in one["part"]}
            focus = parts.get("focus", {}).get("reference", "").rpartition("/fhir/R4/")[2]
            events.append((int(parts["event-number"]), focus))
    return {"type": values["type"], "status": values["status"], "events": events,
            "since": int(values["events-since-subscription-start"])}  # fmt: skip
