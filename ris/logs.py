"""Logs: one line each on standard error, JSON unless a person is looking. No patient data.

The text of an exception can quote a row, so of a failure only its type and the
places it came through are written.
"""

from __future__ import annotations

import logging.config
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from ris.kernel.errors import is_disk_full

FRAMES = 12
"""The innermost so many places of a traceback are written."""

MOST_ALIKE = 60
"""Warnings and errors of one kind in a minute; a fault that repeats without end must not fill the disk."""

QUIET = {
    "celery": "WARNING",
    "celery.app.trace": "CRITICAL",  # its lines hold texts of errors; ris.celery logs the failure without them
    "django.request": "CRITICAL",  # the request's own line says the same
    "fontTools": "WARNING",  # its lines hold the letters of the text that is set
    "httpcore": "WARNING",
    "httpx": "WARNING",  # its lines hold addresses of webhooks, which may hold a token
    "kombu": "WARNING",
    "pynetdicom": "ERROR",
    "pydicom": "ERROR",
    "uvicorn": "WARNING",  # its lines hold query strings
    "websockets": "WARNING",
    "asyncio": "WARNING",
    "psycopg.pool": "ERROR",
}


def without_texts_of_errors(logger: Any, method: str, event: EventDict) -> EventDict:
    """Replace the exception of a line by ``error`` (its type) and ``places`` (innermost last)."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0] is not None:
        event["event"] = str(event.get("event", "")).partition("\n")[0]  # asyncio quotes the error further down
        event.setdefault("error", info[0].__name__)
        if is_disk_full(info[1]):
            event["reason"] = "disk full"
        event["places"] = places(info[2])
    return event


def places(trace: TracebackType | None) -> list[str]:
    """``file.py:12 function`` for each frame, innermost last."""
    frames = []
    while trace:
        code = trace.tb_frame.f_code
        frames.append(f"{'/'.join(code.co_filename.rsplit('/', 2)[-2:])}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames[-FRAMES:]


class RateLimit(logging.Filter):
    """Lets so many warnings and errors of one kind through in each minute; the next minute's first says how many more.

    One kind: the same logger, and the same event or the same unformatted text.
    """

    def __init__(self, most: int = MOST_ALIKE, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._clock = most, clock
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._dropped: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING:
            return True
        message: Any = record.msg  # structlog's event is a dict, other libraries' is a text
        kind = (record.name, str(message.get("event", "")) if isinstance(message, dict) else str(message)[:100])
        with self._lock:
            minute = int(self._clock() // 60)
            if minute != self._minute:  # _dropped stays: the next line that is written says how many were not
                self._minute = minute
                self._counts.clear()
            self._counts[kind] += 1
            if self._counts[kind] > self._most:
                self._dropped[kind] += 1
                return False
            dropped = self._dropped.pop(kind, 0)
        if dropped and isinstance(message, dict):
            message["dropped_alike"] = dropped
        return True


_PROCESSORS: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    without_texts_of_errors,
]


def logging_config() -> dict[str, Any]:
    """Django's LOGGING: everything, ours and the libraries', through one formatter."""
    is_terminal = sys.stderr.isatty()
    renderer: Processor = structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": [*_PROCESSORS, structlog.stdlib.ExtraAdder(allow=[])],
            }
        },
        "filters": {"rate": {"()": RateLimit}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["rate"]}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {name: {"level": level} for name, level in QUIET.items()},
    }


def configure(config: dict[str, Any]) -> None:
    """Set up the standard library's logging and structlog on top of it (Django's LOGGING_CONFIG)."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
