"""A fault that repeats without end fills no disk, and the log says how much was left out."""

from __future__ import annotations

import logging
from typing import Any

from ris.logs import RateLimit


def record(event: Any, level: int = logging.ERROR, name: str = "hl7") -> logging.LogRecord:
    return logging.LogRecord(name, level, "x.py", 1, event, None, None)


def test_after_so_many_alike_in_a_minute_the_rest_is_counted_and_told_in_the_next() -> None:
    seconds = [0.0]
    rate = RateLimit(3, lambda: seconds[0])
    passed = [rate.filter(record({"event": "busy", "n": n})) for n in range(100)]
    assert passed == [True] * 3 + [False] * 97
    assert rate.filter(record({"event": "another"}))
    assert rate.filter(record({"event": "busy"}, name="dicom"))
    seconds[0] = 61.0
    first = record({"event": "busy"})
    assert rate.filter(first)
    assert first.msg["dropped_alike"] == 97
    second = record({"event": "busy"})
    assert rate.filter(second) and "dropped_alike" not in second.msg


def test_lines_of_requests_and_texts_of_libraries_are_told_apart() -> None:
    rate = RateLimit(1, lambda: 0.0)
    assert all(rate.filter(record({"event": "request_finished"}, logging.INFO)) for _ in range(500))
    assert rate.filter(record("socket.accept() out of system resource"))
    assert not rate.filter(record("socket.accept() out of system resource"))
