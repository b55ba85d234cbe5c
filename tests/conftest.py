from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.flushing import let_sqlite_flush_append_only_tables
from tests.serving import Hospitals, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

let_sqlite_flush_append_only_tables()


@pytest.fixture(scope="session")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospitals]:
    """Real processes on the run's kind of database: ``hospitals.start()``, ``hospitals.start(roles=("web", …))``."""
    made = Hospitals(tmp_path_factory.mktemp("hospitals"))
    yield made
    made.close()


@pytest.fixture
def serve(hospitals: Hospitals) -> Iterator[Served]:
    """A running demo hospital: ``serve all`` as a process of its own, stopped after the test."""
    served = hospitals.start()
    yield served
    served.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Playwright runs an event loop in this thread, which Django would take offence at."""
    from tests.browsing import browser_running

    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with browser_running() as running:
        yield running
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data folder for a process of the test's own."""
    return tmp_path / "data"
