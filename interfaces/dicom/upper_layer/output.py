"""The way out of a line: for the loop through its transport, for the desk straight into the socket."""

from __future__ import annotations

import asyncio
import os
from threading import Lock


class Outlet:
    """Lets another thread than the loop's write, as long as nothing waits to be written before.

    That spares an answer the turn of the loop: waking it costs a short answer as much time as encoding it.
    What the socket does not take at once, and all that is encrypted, remains the loop's.
    """

    def __init__(self, transport: asyncio.Transport, *, encrypted: bool) -> None:
        self._transport = transport
        self._lock = Lock()
        sock = None if encrypted else transport.get_extra_info("socket")
        self._file = -1 if sock is None else sock.fileno()

    def straight(self, data: bytes) -> bytes:
        """Write what the socket takes at once; return the rest, all of it when the loop has to see to it."""
        with self._lock:
            if self._file < 0 or self._transport.get_write_buffer_size():
                return data
            try:
                taken = os.write(self._file, data)
            except OSError:  # full, or dead, which the loop finds out by itself
                return data
        return data[taken:]

    def close(self) -> None:
        """Write nothing from now on. To be called before the socket is closed: its number is soon another's."""
        with self._lock:
            self._file = -1
