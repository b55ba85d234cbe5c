from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from tests.flushing import let_sqlite_flush_append_only_tables
from tests.migrated import copy_migrated_sqlite, migrated_postgres
from tests.serving import Hospitals, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

let_sqlite_flush_append_only_tables()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Begin with a copy of a migrated database."""
    database = settings.DATABASES["default"]
    database["TEST"]["MIGRATE"] = False
    if url := os.environ.get("DATABASE_URL"):
        database["TEST"]["TEMPLATE"] = migrated_postgres(url)
    else:
        copy_migrated_sqlite(Path(database["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Whether the database that is there is taken: the copy, which is a file; PostgreSQL makes its own."""
    return "DATABASE_URL" not in os.environ


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
