"""Real sockets for tests: a listener in a thread, and a client that speaks MLLP byte by byte if it must."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

from interfaces.hl7.inbound import listener

START, END = b"\x0b", b"\x1c\r"


@contextmanager
def listening(**options: Any) -> Iterator[int]:
    """The real listener on a free port of loopback; yields the port."""
    stop, ports = threading.Event(), Queue()
    arguments = ("127.0.0.1", 0, stop)
    thread = threading.Thread(
        target=listener.serve, args=arguments, kwargs={"on_listening": ports.put, **options}, daemon=True
    )
    thread.start()
    try:
        yield ports.get(timeout=20)
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


class Client:
    """One connection of a sender."""

    def __init__(self, port: int, timeout: float = 20) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._held = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *gone: object) -> None:
        self.sock.close()

    def send(self, raw: bytes) -> None:
        self.sock.sendall(START + raw + END)

    def receive(self) -> bytes:
        """The next answer without its framing; empty when the listener closed."""
        while END not in self._held:
            more = self.sock.recv(65536)
            if not more:
                return b""
            self._held += more
        answer, self._held = self._held.split(END, 1)
        return answer.removeprefix(START)

    def ask(self, raw: bytes) -> list[list[str]]:
        """Send and receive; the answer as segments of fields."""
        self.send(raw)
        return parsed(self.receive())


def parsed(answer: bytes) -> list[list[str]]:
    return [line.split("|") for line in answer.decode().strip("\r").split("\r")]
