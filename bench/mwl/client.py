"""A small raw-socket worklist client, so that what is measured is the server.

``python bench/mwl/client.py`` reads what to do and prints the latencies of its queries, in seconds, both as JSON.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

MWL = b"1.2.840.10008.5.1.4.31"
IMPLICIT = b"1.2.840.10008.1.2"
FINAL_STATUS = b"\0\0\0\x09\2\0\0\0"


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(body)) + body


def request(called: str, calling: str) -> bytes:
    context = _item(0x20, bytes((1, 0, 0, 0)) + _item(0x30, MWL) + _item(0x40, IMPLICIT))
    body = b"\0\1\0\0" + called.ljust(16).encode() + calling.ljust(16).encode() + bytes(32)
    body += _item(0x10, b"1.2.840.10008.3.1.1.1") + context + _item(0x50, _item(0x51, struct.pack(">L", 65536)))
    return struct.pack(">BBL", 1, 0, len(body)) + body


def find_message(identifier: bytes, message_id: int) -> bytes:
    parts = [(2, MWL), (0x100, b"\x20\0"), (0x110, struct.pack("<H", message_id)), (0x700, b"\0\0"), (0x800, b"\1\0")]
    command = b"".join(struct.pack("<HHL", 0, tag, len(value)) + value for tag, value in parts)
    command = struct.pack("<HHLL", 0, 0, 4, len(command)) + command
    return _unit(command, 3) + _unit(identifier, 2)


def _unit(data: bytes, control: int) -> bytes:
    return struct.pack(">BBLLBB", 4, 0, len(data) + 6, len(data) + 2, 1, control) + data


class Line:
    def __init__(self, port: int, called: str, calling: str) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.at, self.message_id = b"", 0, 0
        self.sock.sendall(request(called, calling))
        kind, _ = self.unit()
        if kind != 2:
            raise ConnectionError(f"not accepted: {kind}")

    def unit(self) -> tuple[int, bytes]:
        """The next unit: its type and body."""
        while True:
            buffer, at = self.buffer, self.at
            if len(buffer) - at >= 6:
                end = at + 6 + int.from_bytes(buffer[at + 2 : at + 6], "big")
                if len(buffer) >= end:
                    self.at = end
                    return buffer[at], buffer[at + 6 : end]
            data = self.sock.recv(262_144)
            if not data:
                raise ConnectionError("hung up")
            self.buffer, self.at = buffer[at:] + data, 0

    def find(self, identifier: bytes) -> int:
        """Rows of one query."""
        self.message_id = self.message_id % 60000 + 1
        self.sock.sendall(find_message(identifier, self.message_id))
        rows = 0
        while True:
            _, body = self.unit()
            if body[5] != 3:  # not a whole command: a dataset
                continue
            at = body.rindex(FINAL_STATUS) + 8
            if body[at + 1] != 0xFF:
                if body[at : at + 2] != b"\0\0":
                    raise AssertionError(f"status {body[at : at + 2].hex()}: {body[at + 2 :]!r}")
                return rows
            rows += 1

    def close(self) -> None:
        self.sock.sendall(struct.pack(">BBLL", 5, 0, 4, 0))
        self.sock.recv(16)
        self.sock.close()


def run(job: dict[str, Any], latencies: list[float], offset: int, until: float) -> None:
    identifiers = [bytes.fromhex(text) for text in job["identifiers"]]
    port, called, calling, rows = job["port"], job["called"], job["calling"], job["rows"]
    line = None if job["new"] else Line(port, called, calling)
    n = offset
    while time.perf_counter() < until or len(latencies) < job["at_least"]:
        begun = time.perf_counter()
        asking = line or Line(port, called, calling)
        found = asking.find(identifiers[n % len(identifiers)])
        if line is None:
            asking.close()
        latencies.append(time.perf_counter() - begun)
        if found != rows:
            raise AssertionError(f"{found} rows instead of {rows}")
        n += 1
    if line:
        line.close()


def main() -> None:
    """So many clients ask at once for so many seconds, each at least so often. Fails if one is answered wrongly."""
    job = json.loads(sys.stdin.read())
    latencies: list[list[float]] = [[] for _ in range(job["clients"])]
    begun = time.perf_counter()
    with ThreadPoolExecutor(job["clients"]) as threads:
        clients = [threads.submit(run, job, own, k * 7, begun + job["seconds"]) for k, own in enumerate(latencies)]
        for client in clients:
            client.result()
    took = time.perf_counter() - begun
    sys.stdout.write(json.dumps({"took": took, "latencies": sorted(value for own in latencies for value in own)}))


if __name__ == "__main__":
    main()
