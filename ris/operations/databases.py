"""A database as a thing that is copied, put back and judged. One class for each kind; both promise the same.

A copy is consistent: all of one moment, while the system runs. It is judged by numbers of rows and by a digest of the
audit trail, which are taken at that very moment and compared after a restore.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from django.conf import settings
from psycopg import sql

AUDIT = "audit_auditevent"
QUARANTINE = "restored from a backup"


class RestoreError(Exception):
    """It cannot be copied or put back. Its text says the cure."""


@dataclass(frozen=True, slots=True)
class Census:
    """What a database held at one moment: rows of each table, and a digest of the audit trail in its order."""

    rows: dict[str, int]
    audit_digest: str

    def differences(self, other: Census) -> list[str]:
        """What of ``other`` is not as here, in words; none when they are the same."""
        names = sorted(set(self.rows) | set(other.rows))
        differing = [
            f"{name}: {self.rows.get(name, 'none')} rows, restored {other.rows.get(name, 'none')}"
            for name in names
            if self.rows.get(name) != other.rows.get(name)
        ]
        return differing + (["the audit trail is another one"] if self.audit_digest != other.audit_digest else [])


class Database(Protocol):
    """One database of this system."""

    kind: str

    def dump(self, file: Path) -> Census:
        """Write a copy of one moment to ``file`` and return what it held. The system goes on meanwhile."""

    def load(self, file: Path) -> None:
        """Put the copy in the place of what is there, in quarantine (``ris.kernel.queue``). The system is stopped."""

    def try_load(self, file: Path) -> Census:
        """Put the copy into a database aside, check its integrity, return what it holds, and throw it away."""


def current_database() -> Database:
    """The database of the settings."""
    given: dict[str, Any] = settings.DATABASES["default"]
    if given["ENGINE"].endswith("sqlite3"):
        return SqliteDatabase(Path(str(given["NAME"])))
    return PostgresDatabase(given)


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update("\x1f".join(map(str, row)).encode() + b"\x1e")
    return digest.hexdigest()


_TRAIL = f"SELECT id, actor, action, subject, subject_id, reason FROM {AUDIT} ORDER BY id"  # noqa: S608  (a constant)
_ENTER_QUARANTINE = (
    "INSERT INTO kernel_alarm (kind, subject, detail, raised_at, last_at, times)"
    " SELECT 'quarantine', '{subject}', 'Nothing is sent until a person releases it: ./bin/ris backup release',"
    " {now}, {now}, 1 WHERE NOT EXISTS (SELECT 1 FROM kernel_alarm WHERE kind = 'quarantine' AND cleared_at IS NULL)"
)


class SqliteDatabase:
    """A file. Copied by SQLite's backup API, which is consistent while others write (``cp`` is not)."""

    kind = "sqlite"

    def __init__(self, file: Path) -> None:
        self._file = file

    def dump(self, file: Path) -> Census:
        """See Database."""
        with closing(sqlite3.connect(self._file, timeout=30)) as source, closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
            _leave_one_file(copy)
            return self._census(copy)

    def load(self, file: Path) -> None:
        """See Database. The file is replaced at once, when all of the copy is on the disk."""
        fresh = self._file.with_name(f".{self._file.name}.restoring")
        fresh.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as copy, closing(sqlite3.connect(fresh)) as target:
            copy.backup(target)
            target.execute(_ENTER_QUARANTINE.format(subject=QUARANTINE, now="strftime('%Y-%m-%d %H:%M:%f', 'now')"))
            target.commit()
            _leave_one_file(target)
        fresh.chmod(0o600)
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        for suffix in ("-wal", "-shm"):  # of the old file: they would be played into the new one
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        fresh.replace(self._file)

    def try_load(self, file: Path) -> Census:
        """See Database."""
        with closing(sqlite3.connect(file)) as copy:
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise RestoreError(f"SQLite finds the copy damaged: {str(verdict)[:200]}")
            if broken := copy.execute("PRAGMA foreign_key_check").fetchall():
                raise RestoreError(f"{len(broken)} rows of the copy refer to rows that are not there.")
            return self._census(copy)

    def _census(self, copy: sqlite3.Connection) -> Census:
        tables = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = [name for (name,) in tables.fetchall()]
        rows = {name: copy.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608
        return Census(rows, _digest(copy.execute(_TRAIL)))


def _leave_one_file(copy: sqlite3.Connection) -> None:
    """Write all into the file itself: a -wal beside it would be left behind when the file is moved."""
    copy.execute("PRAGMA journal_mode=DELETE")


class PostgresDatabase:
    """A database of a server. Copied by pg_dump (custom format), in the snapshot in which it is counted."""

    kind = "postgresql"

    def __init__(self, given: dict[str, Any]) -> None:
        self._name = str(given["NAME"])
        named = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        self._to = {ours: str(given[theirs]) for theirs, ours in named.items() if given.get(theirs)}

    def dump(self, file: Path) -> Census:
        """See Database."""
        with self._connect(self._name) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()
            self._run("pg_dump", "--format=custom", f"--snapshot={snapshot[0] if snapshot else ''}",
                      f"--file={file}", f"--dbname={self._name}")  # fmt: skip
            return self._census(connection)

    def load(self, file: Path) -> None:
        """See Database. In one transaction: all of it, or what was there stays."""
        self._restore(file, self._name, "--clean", "--if-exists")
        with self._connect(self._name) as connection:
            connection.execute(_ENTER_QUARANTINE.format(subject=QUARANTINE, now="now()"))

    def try_load(self, file: Path) -> Census:
        """See Database. Needs a role that may create databases."""
        with self._aside() as name:
            self._restore(file, name)
            with self._connect(name) as connection:
                return self._census(connection)

    def _restore(self, file: Path, name: str, *more: str) -> None:
        options = ("--no-owner", "--exit-on-error", "--single-transaction", *more)
        self._run("pg_restore", *options, f"--dbname={name}", str(file))

    @contextmanager
    def _aside(self) -> Iterator[str]:
        name = f"wetread_drill_{uuid.uuid4().hex[:8]}"
        with self._connect(self._name, autocommit=True) as connection:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except psycopg.errors.InsufficientPrivilege:
                raise RestoreError(
                    "The database role may not create a database to restore into aside: let the drill run with the "
                    "owner's DATABASE_URL, or ALTER ROLE … CREATEDB."
                ) from None
            try:
                yield name
            finally:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _connect(self, name: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        return psycopg.connect(dbname=name, autocommit=autocommit, **self._to)  # type: ignore[arg-type]

    def _run(self, program: str, *arguments: str) -> None:
        env = os.environ | {f"PG{key.upper()}": value for key, value in self._to.items()}  # not seen in a process list
        try:
            subprocess.run([program, *arguments], check=True, capture_output=True, env=env)  # noqa: S603
        except FileNotFoundError:
            raise RestoreError(f"The program {program} is not installed (apt install postgresql-client).") from None
        except subprocess.CalledProcessError as error:
            last = error.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
            raise RestoreError(f"{program} failed: {last[0][:200]}") from None

    def _census(self, connection: psycopg.Connection[Any]) -> Census:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = {}
        for (name,) in tables:
            count = connection.execute(sql.SQL("SELECT COUNT(*) FROM {}").format(sql.Identifier(name))).fetchone()
            rows[str(name)] = int(count[0]) if count else 0
        with connection.cursor("trail") as cursor:  # on the server: the trail may be larger than memory
            cursor.execute(_TRAIL)
            return Census(rows, _digest(cursor))
