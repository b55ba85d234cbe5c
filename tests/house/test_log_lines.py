"""A line of the log says what failed and where, never the words of the error: they can quote a row."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from ris.celery import app
from ris.logs import logging_config

CANARY = "ZZCANARY"


@pytest.fixture
def log() -> io.StringIO:
    """What goes through the product's own formatter."""
    config = logging_config()["formatters"]["line"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[*config["processors"][:-1], structlog.processors.JSONRenderer()],
            foreign_pre_chain=config["foreign_pre_chain"],
        )
    )
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def fail() -> None:
    raise ValueError(CANARY)


def line_of(log: io.StringIO) -> dict[str, object]:
    assert CANARY not in log.getvalue()
    return dict(json.loads(log.getvalue().splitlines()[-1]))


def test_our_own_line_about_an_error_has_its_type_and_place(log: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger("house").exception("it.failed", number=7)
    line = line_of(log)
    assert (line["event"], line["number"], line["error"]) == ("it.failed", 7, "ValueError")
    assert str(line["places"][-1]).endswith(" fail")  # type: ignore[index]


def test_a_library_s_line_about_an_error_too(log: io.StringIO) -> None:
    try:
        fail()
    except ValueError as error:
        logging.getLogger("asyncio.like").error("never retrieved\nfuture: %r", error, exc_info=error)
    line = line_of(log)
    assert (line["event"], line["error"]) == ("never retrieved", "ValueError")


def test_a_task_that_fails_is_said_without_its_words(log: io.StringIO) -> None:
    @app.task(name="tests.failing")
    def failing() -> None:
        fail()

    failing.apply()
    line = line_of(log)
    assert (line["event"], line["task"], line["error"]) == ("task.failed", "tests.failing", "ValueError")
