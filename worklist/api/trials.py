"""What takes a while to simulate, told line by line as it goes."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import StreamingHttpResponse
from rest_framework.request import Request

from ris.kernel.errors import Refusal


class _Gone(Exception):
    """Nobody reads the answer any more."""


class Trial:
    """A simulation in a thread of its own. It ends early when its reader goes.

    ``simulate`` is called with ``progress``, which it calls with its part that is done, and returns the result.
    """

    def __init__(self, simulate: Callable[..., Any]) -> None:
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._gone = threading.Event()
        threading.Thread(target=self._run, args=(simulate,), name="trial", daemon=True).start()

    def _run(self, simulate: Callable[..., Any]) -> None:
        try:
            self._queue.put({"result": simulate(progress=self._progress)})
        except Refusal as refused:
            self._queue.put({"refused": refused.detail, "at": refused.at, "code": refused.code})
        except _Gone:
            pass
        finally:
            self._queue.put(None)
            connection.close()

    def _progress(self, part: float) -> None:
        if self._gone.is_set():
            raise _Gone
        self._queue.put({"progress": round(part, 3)})

    def lines(self) -> Iterator[str]:
        """For a server that reads in a thread."""
        try:
            while (line := self._queue.get()) is not None:
                yield json.dumps(line) + "\n"
        finally:
            self._gone.set()

    async def told(self) -> AsyncIterator[str]:
        """For one that reads in an event loop, which nothing may hold up."""
        try:
            while (line := await asyncio.to_thread(self._queue.get)) is not None:
                yield json.dumps(line) + "\n"
        finally:
            self._gone.set()


def answer_as_it_goes(request: Request, simulate: Callable[..., Any]) -> StreamingHttpResponse:
    """Lines of JSON: ``{"progress": 0.4}`` while it runs, then ``{"result": …}``, or ``{"refused": …}``."""
    trial = Trial(simulate)
    live = isinstance(request._request, ASGIRequest)  # where an ordinary iterator would be read to its end first
    return StreamingHttpResponse(trial.told() if live else trial.lines(), content_type="application/x-ndjson")
