"""The databases of the worklist bench: a private PostgreSQL as its packages set it up, and files of SQLite."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg

from mwl.peers import BENCH, free_port

ROOT = BENCH.parent


@contextmanager
def private_postgres(folder: Path) -> Iterator[str | None]:
    """A PostgreSQL of our own in ``folder``; the address of its server, without a database. None: it is not installed.

    Settings are the packages' own, each commit waits for the disk; but the log of changes has room for the filling.
    """
    programs = _programs()
    if programs is None:
        yield None
        return
    port, data = free_port(), folder / "data"
    folder.mkdir(mode=0o711)
    if os.getuid() == 0:  # as whom PostgreSQL refuses to run
        shutil.chown(folder, "postgres")
    _run(programs / "initdb", "-D", data, "-U", "ris", "-A", "trust", "-E", "UTF8", "--no-locale")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
    options += " -c max_wal_size=8GB -c wal_level=minimal -c max_wal_senders=0"
    _run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
    try:
        yield f"postgres://ris@127.0.0.1:{port}"
    finally:
        _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _programs() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next(iter(folders), None)


def _run(*command: object) -> None:
    as_other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*as_other, *map(str, command)], check=True, stdout=subprocess.DEVNULL)


def environments(folder: Path, server: str | None, numbers: list[int]) -> dict[tuple[str, int], dict[str, str]]:
    """Make and fill a database of each kind for each number of entries; the settings that lead to each."""
    with ThreadPoolExecutor(2) as threads:
        sqlite = threads.submit(_sqlite, folder, numbers)
        postgres = threads.submit(_postgres, folder, server, numbers) if server else None
        return sqlite.result() | (postgres.result() if postgres else {})


def _sqlite(folder: Path, numbers: list[int]) -> dict[tuple[str, int], dict[str, str]]:
    empty = folder / "sqlite-empty"
    _migrate({"RIS_DATA": str(empty)})
    found = {}
    for entries in numbers:
        own = folder / f"sqlite-{entries}"
        shutil.copytree(empty, own)
        found["SQLite", entries] = _filled({"RIS_DATA": str(own)}, entries)
    return found


def _postgres(folder: Path, server: str, numbers: list[int]) -> dict[tuple[str, int], dict[str, str]]:
    data = {"RIS_DATA": str(folder / "postgres-data")}
    _create(server, "mwl_empty", "template0")
    _migrate(data | {"DATABASE_URL": f"{server}/mwl_empty"})
    found = {}
    for entries in numbers:
        _create(server, f"mwl_{entries}", "mwl_empty")
        found["PostgreSQL", entries] = _filled(data | {"DATABASE_URL": f"{server}/mwl_{entries}"}, entries)
    return found


def _create(server: str, name: str, template: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")


def _migrate(env: dict[str, str]) -> None:
    subprocess.run([sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"], env=_settings(env), check=True)


def _filled(env: dict[str, str], entries: int) -> dict[str, str]:
    subprocess.run([sys.executable, str(BENCH / "mwl" / "fill.py"), str(entries)], env=_settings(env), check=True)
    return _settings(env)


def _settings(env: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("RIS_", "DATABASE_URL"))}
    return inherited | {"PYTHONPATH": f"{ROOT}:{BENCH}", "DJANGO_SETTINGS_MODULE": "ris.settings"} | env
