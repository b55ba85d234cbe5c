"""A receiving system on a real socket, which answers as a test tells it to."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.v2.header import recover_header
from interfaces.hl7.v2.mllp import Deframer, frame_message
from tests.interfaces.hl7.hl7 import NOON

Script = Callable[[bytes, int], bytes | None]
"""(message, how many came before) → answer; None: say nothing."""


def msa(control_id: str, code: str = "AA", text: str = "", *, error: str = "") -> bytes:
    """An acknowledgment; ``error`` is a code of table 0357."""
    err = f"ERR||OBR^1^4|{error}|E\r" if error else ""
    head = f"MSH|^~\\&|EMR|X|WETREAD|RIS|20260310||ACK|A{control_id}|P|2.5.1\r"
    return f"{head}MSA|{code}|{control_id}|{text}\r{err}".encode()


def accept(raw: bytes, before: int) -> bytes | None:
    return msa(recover_header(raw).control_id)


class Emr:
    """Keeps what it got. ``script`` may be changed while it runs."""

    def __init__(self, script: Script = accept) -> None:
        self.script = script
        self.got: list[bytes] = []
        self.connections = 0
        self.hang_up_after_answer = False

    @property
    def control_ids(self) -> list[str]:
        return [recover_header(raw).control_id for raw in self.got]


@contextmanager
def emr(script: Script = accept) -> Iterator[tuple[Emr, int]]:
    """The system and its port."""
    system = Emr(script)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            system.connections += 1
            deframer = Deframer()
            while data := self.request.recv(65536):
                for found in deframer.feed(data):
                    before = len(system.got)
                    system.got.append(found.body)
                    answer = system.script(found.body, before)
                    if answer is not None:
                        self.request.sendall(frame_message(answer))
                    if system.hang_up_after_answer:
                        return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield system, server.server_address[1]
        finally:
            server.shutdown()


def destination(port: int, **fields: Any) -> Destination:
    values = {"name": "EMR", "host": "127.0.0.1", "port": port, "timeout": 1, "kinds": ["report.final"]}
    return Destination.objects.create(**(values | fields))


def owed(to: Destination, lane: str = "N1", number: int = 1) -> OutboundMessage:
    """A queued message, as the outbox writes it."""
    control_id = f"{lane}-{number}"
    raw = f"MSH|^~\\&|WETREAD|RIS|EMR||20260310||ORU^R01|{control_id}|P|2.5.1\r".encode()
    return OutboundMessage.objects.create(
        destination=to, lane=lane, kind="report.final", source=f"t:{control_id}", control_id=control_id,
        state="queued", raw=raw, created_at=NOON, prepared_at=NOON,
    )  # fmt: skip
