"""How fast HL7 messages are taken in: acknowledged messages/s and the times to an answer.

    .venv/bin/pip install hl7==0.4.5        # the peer; not needed by the product
    .venv/bin/python bench/hl7_intake.py                          # SQLite in a temporary folder
    DATABASE_URL=postgres://… .venv/bin/python bench/hl7_intake.py  # an empty database; synchronous_commit stays on

In one run, on one machine: this system applying each order before its AA; storing only (enhanced mode,
CA as soon as it is on the disk); a bare python-hl7 asyncio listener that parses, keeps the message in a
list and answers; and how often the disk can sync. Senders run in a process of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
RATE = 100
"""Orders a second of the senders who send when it is time to."""
START, END = b"\x0b", b"\x1c\r"


def order(number: int, run: str, *, enhanced: bool) -> bytes:
    """A 12-segment order of a made-up patient; every fifth patient comes back."""
    patient = number - number % 5
    modes = "AL|NE" if enhanced else "|"
    segments = [
        f"MSH|^~\\&|BENCH|NORTH|RIS|RAD|20260310120000||ORM^O01|{run}{number}|P|2.3.1|||{modes}||8859/1",
        f"PID|||B{run}{patient}^^^NORTH^MR~X{run}{patient}^^^STATE^NI||ZZTEST-BENCH^N{patient}||19450714|F|||1 Test St",
        f"PV1||E|ED^12|||||DR9^ZZDOC^RITA|||||||||||V{run}{number}",
        f"ORC|NW|P{run}{number}^BENCH||||||^^^20260310130000^^S|||||DR9^ZZDOC^RITA",
        f"OBR|1|P{run}{number}^BENCH||CTHEADWO^CT head without contrast^L||||||||||||||||||||CT|||||||^Headache",
        "NTE|1||First line of a comment",
        "NTE|2||Second line of a comment",
        "NTE|3||Third line of a comment",
        "OBX|1|NM|29463-7^Body weight^LN||72|kg|||||F",
        "OBX|2|NM|8302-2^Body height^LN||171|cm|||||F",
        "AL1|1||^Contrast agent",
        "DG1|1||R51^Headache^I10",
    ]
    return START + ("\r".join(segments) + "\r").encode("latin-1") + END


async def _one_connection(port: int, messages: list[bytes], times: list[float], depth: int, every: float) -> int:
    """Send all, ``depth`` of them at a time unanswered; return how many were accepted.

    ``every`` so many seconds one is due; it counts from then, even when the one before it is not answered yet.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    accepted, due = 0, time.perf_counter() + random.random() * every
    for at in range(0, len(messages), depth):
        batch = messages[at : at + depth]
        if every:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        began = due if every else time.perf_counter()
        due += every
        writer.write(b"".join(batch))
        for _ in batch:
            answer = await reader.readuntil(END)
            accepted += b"MSA|AA" in answer or b"MSA|CA" in answer
            times.append(time.perf_counter() - began)
    writer.close()
    return accepted


def _send(port: int, connections: int, count: int, run: str, enhanced: bool, depth: int, rate: float, out: Any) -> None:
    async def everything() -> None:
        per = count // connections
        times: list[float] = []
        batches = [[order(c * per + n, run, enhanced=enhanced) for n in range(per)] for c in range(connections)]
        began = time.perf_counter()
        every = connections / rate if rate else 0.0
        accepted = await asyncio.gather(*(_one_connection(port, batch, times, depth, every) for batch in batches))
        out.put((sum(accepted), per * connections, time.perf_counter() - began, sorted(times)))

    asyncio.run(everything())


def measure(
    name: str,
    port: int,
    *,
    connections: int,
    count: int,
    enhanced: bool = False,
    depth: int = 1,
    rate: float = 0,
) -> float:
    """Run the senders in their own process; print a line; return messages/s.

    Each connection sends its next when it has its answer; with ``rate``, when it is due, so many a second in all.
    """
    out: Any = multiprocessing.get_context("spawn").Queue()
    run = f"{int(time.time() * 1000) % 10**9}-"
    sender = multiprocessing.get_context("spawn").Process(
        target=_send, args=(port, connections, count, run, enhanced, depth, rate, out)
    )
    sender.start()
    accepted, sent, seconds, times = out.get(timeout=600)
    sender.join()
    p50, p95, p99 = (times[min(int(len(times) * q), len(times) - 1)] * 1000 for q in (0.5, 0.95, 0.99))
    shape = f"{connections} × {depth}" if depth > 1 else f"{connections} @ {rate:g}/s" if rate else str(connections)
    print(
        f"{name:<42}{shape:>10}{sent / seconds:>10.0f}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}{accepted:>9}/{sent}", flush=True
    )
    return sent / seconds


def fsyncs(folder: Path) -> float:
    """How often a second a small append to a file can be synced."""
    with (folder / "sync").open("wb", buffering=0) as file:
        times = []
        for _ in range(200):
            began = time.perf_counter()
            file.write(b"x" * 1024)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return 1 / statistics.mean(times)


def _peer(out: Any) -> None:
    """A bare python-hl7 listener."""
    import hl7
    from hl7.mllp import start_hl7_server

    kept = []

    async def handle(reader: Any, writer: Any) -> None:
        try:
            while True:
                message = await reader.readmessage()
                kept.append(str(message))
                writer.writemessage(message.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async def run() -> None:
        async with await start_hl7_server(handle, host="127.0.0.1", port=0, encoding="latin-1") as server:
            out.put(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    assert hl7
    asyncio.run(run())


def with_peer(work: Callable[[int], None]) -> None:
    out: Any = multiprocessing.get_context("spawn").Queue()
    peer = multiprocessing.get_context("spawn").Process(target=_peer, args=(out,), daemon=True)
    peer.start()
    try:
        work(out.get(timeout=20))
    finally:
        peer.terminate()


def _ours(out: Any) -> None:
    """The product's listener, as ``./bin/ris serve hl7`` runs it."""
    import django

    django.setup()
    from interfaces.hl7.inbound.listener import serve

    serve("127.0.0.1", 0, threading.Event(), on_listening=out.put)


def with_ours(work: Callable[[int], None]) -> None:
    out: Any = multiprocessing.get_context("spawn").Queue()
    ours = multiprocessing.get_context("spawn").Process(target=_ours, args=(out,), daemon=True)
    ours.start()
    try:
        work(out.get(timeout=60))
    finally:
        ours.terminate()
        ours.join(10)


def prepare() -> None:
    """Migrate, and fill in the demo hospital's sites, devices and catalog."""
    import django

    django.setup()
    from django.core.management import call_command

    from ris.demo.hospital import build_hospital

    call_command("migrate", verbosity=0)
    build_hospital()


def fill(stored: int) -> None:
    """As if so many messages and orders had come before: copies of the rows of one order, in bulk."""
    from bench.filling.hl7 import fill_with

    fill_with(stored)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=1600, help="messages a measurement")
    options.add_argument(
        "--stored", type=int, default=0, help="first store so many messages and orders, and tell the cost then"
    )
    arguments = options.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")
    os.environ.setdefault("RIS_DATA", tempfile.mkdtemp(prefix="wetread-bench-"))
    prepare()
    if arguments.stored:
        fill(arguments.stored)
    folder, count = Path(os.environ["RIS_DATA"]), arguments.count
    database = "PostgreSQL" if os.environ.get("DATABASE_URL") else "SQLite"
    print(f"{database}, {os.cpu_count()} cores, disk syncs {fsyncs(folder):,.0f}/s, {arguments.stored:,} stored before")
    print(f"{'':<42}{'conns':>10}{'msg/s':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'accepted':>10}")
    rates: dict[tuple[str, int], float] = {}

    def ours(port: int) -> None:
        measure("(warming up)", port, connections=4, count=100)
        for connections in (1, 16):
            rates["applied", connections] = measure("applied before AA", port, connections=connections, count=count)
        measure("applied before AA, as they are due", port, connections=16, count=count, rate=RATE)

    def stored(port: int) -> None:
        for connections, depth in ((1, 1), (1, 50), (16, 1), (16, 50)):
            rate = measure(
                "stored, CA (enhanced mode)", port, connections=connections, depth=depth, count=count * 2, enhanced=True
            )
            rates["stored", connections] = max(rate, rates.get(("stored", connections), 0))

    def peer(port: int) -> None:
        for connections in (1, 16):
            rates["peer", connections] = measure(
                "python-hl7, stores nothing", port, connections=connections, count=count
            )

    with_ours(ours)
    with_ours(stored)
    try:
        with_peer(peer)
    except ModuleNotFoundError:
        print("python-hl7 is not installed: pip install hl7==0.4.5")
        return
    for connections in (1, 16):
        for kind in ("applied", "stored"):
            ratio = rates[kind, connections] / rates["peer", connections]
            print(f"{kind} / python-hl7 at {connections} connection(s): {ratio:.2f}")


if __name__ == "__main__":
    main()
