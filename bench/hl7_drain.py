"""How fast a destination's queue drains: messages/s over one connection, each marked sent only when its AA is here.

    .venv/bin/python bench/hl7_drain.py                             # SQLite in a temporary folder
    DATABASE_URL=postgres://… .venv/bin/python bench/hl7_drain.py   # an empty database; synchronous_commit stays on

The peer is a process of its own that answers AA at once, so what is measured is the sender and its database.
Messages of 2 KB are a report's text, of 60 KB one with its PDF.
"""

from __future__ import annotations

import multiprocessing
import os
import socketserver
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
MESSAGES, SIZES, LANES = 500, (2_000, 60_000), 50


class Peer(socketserver.BaseRequestHandler):
    """Answers each message with AA as soon as it is whole."""

    def handle(self) -> None:
        held = b""
        while data := self.request.recv(262_144):
            held += data
            while b"\x1c\r" in held:
                message, held = held.split(b"\x1c\r", 1)
                control_id = message.split(b"\r", 1)[0].split(b"|")[9]
                answer = (
                    b"MSH|^~\\&|PEER|X|WETREAD|RIS|20260310||ACK|A" + control_id + b"|P|2.5.1\rMSA|AA|" + control_id
                )
                self.request.sendall(b"\x0b" + answer + b"\r\x1c\r")


def listen(told: Connection) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Peer) as server:
        told.send(server.server_address[1])
        server.serve_forever()


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "ris.settings"
    os.environ["RIS_DATA"] = tempfile.mkdtemp(prefix="hl7-drain-")
    here, there = multiprocessing.Pipe()
    peer = multiprocessing.Process(target=listen, args=(there,), daemon=True)
    peer.start()
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    port = here.recv()
    for size in SIZES:
        rate, cpu = drained(port, size)
        print(f"{connection.vendor}: {size:>6} bytes: {rate:5.0f} messages/s; the sender used {cpu:.1f} ms each")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    peer.kill()


def drained(port: int, size: int) -> tuple[float, float]:
    """Messages/s of a queue of MESSAGES in LANES lanes, and the sender's processor time for one, ms."""
    from interfaces.hl7.models import Destination, OutboundMessage
    from interfaces.hl7.outbound.sender import DestinationSender
    from ris.kernel.clock import now

    to = Destination.objects.create(name=f"PEER{size}", host="127.0.0.1", port=port)
    for n in range(MESSAGES):
        control_id = f"B{size}-{n}"
        head = f"MSH|^~\\&|WETREAD|RIS|PEER||20260310||ORU^R01|{control_id}|P|2.5.1\r"
        OutboundMessage.objects.create(
            destination=to, lane=f"N{n % LANES}", kind="report.final", source=control_id, control_id=control_id,
            state="queued", prepared_at=now(), raw=(head + "NTE|1||" + "x" * size + "\r").encode(), created_at=now(),
        )  # fmt: skip
    began, used = time.perf_counter(), time.process_time()
    sent = DestinationSender(to.pk).drain()
    took, cpu = time.perf_counter() - began, time.process_time() - used
    assert sent == MESSAGES, f"only {sent} were accepted"
    return sent / took, 1000 * cpu / sent


if __name__ == "__main__":
    main()
