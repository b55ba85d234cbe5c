"""An empty database with every migration applied, made once for each state of the migrations and copied from then on.

To migrate takes half a minute of processor. Each test process, and each hospital that tests serve, would do it anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".pytest_cache/migrated"
MOST_KEPT = 5
"""States of the migrations, such as those of several branches."""


def migrated_sqlite() -> Path:
    """The file to copy."""
    made = KEPT / f"{_state()}.sqlite3"
    with _alone():
        if not made.exists():
            with tempfile.TemporaryDirectory() as folder:
                _migrate(RIS_DATA=folder)
                (file,) = Path(folder).glob("*.sqlite3")
                with sqlite3.connect(file) as connection:
                    connection.execute("VACUUM INTO ?", [str(made.with_suffix(".making"))])
            made.with_suffix(".making").rename(made)
            for old in sorted(KEPT.glob("*.sqlite3"), key=lambda file: file.stat().st_mtime)[:-MOST_KEPT]:
                old.unlink()
    return made


def copy_migrated_sqlite(to: Path) -> None:
    """Put a copy there, in place of what is there."""
    for leftover in to.parent.glob(f"{to.name}*"):
        leftover.unlink()
    shutil.copy(migrated_sqlite(), to)


def migrated_postgres(url: str) -> str:
    """The name of the database on that server to take as a template."""
    name = f"migrated_{_state()[:16]}"
    with _alone(), psycopg.connect(_named(url, "postgres"), autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            making = f"{name}_making"
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(making)))
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(making)))
            with tempfile.TemporaryDirectory() as folder:
                _migrate(RIS_DATA=folder, DATABASE_URL=_named(url, making))
            server.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(making), sql.Identifier(name))
            )
    return name


@cache
def _state() -> str:
    """What the outcome depends on: the migrations of the house, and the versions of all others."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for room in ("ris", "worklist", "reporting", "interfaces"):
        for file in sorted((ROOT / room).rglob("migrations/*.py")):
            digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def _migrate(**settings: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIS_", "DJANGO_"))}
    kept.pop("DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"],
        env=kept | settings, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@contextmanager
def _alone() -> Iterator[None]:
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
