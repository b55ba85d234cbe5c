"""A PostgreSQL server is destroyed and comes back as of a moment, from a base backup and its archived log."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ris.operations.sealing import make_key
from tests.serving import ROOT, free_port, wait_for

pytestmark = pytest.mark.once
SCRIPTS = ROOT / "deploy/postgres"
OWNER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
"""PostgreSQL refuses to run as root."""


def programs() -> Path:
    found = [Path(place) for place in (shutil.which("initdb"),) if place] + sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb")
    )
    return found[-1].parent


def run(*command: str | Path) -> str:
    env = os.environ | {"PATH": f"{programs()}:{os.environ['PATH']}"}
    done = subprocess.run([*OWNER, *map(str, command)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Server:
    """A PostgreSQL of its own, with its log archived by the house's script."""

    def __init__(self, folder: Path, data: str) -> None:
        self.folder, self.data, self.port = folder, folder / data, free_port()

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses="
        log = self.folder / f"{self.data.name}.log"
        try:
            run(programs() / "pg_ctl", "-D", self.data, "-o", options, "-l", log, "-w", "start")
        except AssertionError:
            raise AssertionError(log.read_text()) from None

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        where = f"host={self.folder} port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return list(cursor.fetchall()) if cursor.description else []

    def kill(self) -> None:
        subprocess.run([*OWNER, programs() / "pg_ctl", "-D", self.data, "-m", "immediate", "stop"], check=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not in pytest's folder: that is root's alone, and the server is another user's.
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    (made / "wal").mkdir()
    make_key(made / "certificate.pem", made / "key.pem")
    if OWNER:
        subprocess.run(["chown", "-R", "postgres", made], check=True)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_server_that_was_destroyed_comes_back_as_of_a_moment(folder: Path) -> None:
    server = Server(folder, "data")
    run(programs() / "initdb", "-D", server.data, "-U", "postgres", "--no-sync", "--auth=trust")
    command = f"{SCRIPTS}/archive-wal {folder}/wal {folder}/certificate.pem %p %f"
    settings = f"archive_mode = on\narchive_timeout = 60\nwal_level = replica\narchive_command = '{command}'\n"
    run("sh", "-c", f"cat >> {server.data}/postgresql.conf <<'END'\n{settings}END")
    server.start()
    restored = Server(folder, "restored")
    try:
        server.ask("CREATE TABLE acknowledged (number int PRIMARY KEY)")
        server.ask("INSERT INTO acknowledged SELECT generate_series(1, 1000)")
        url = f"postgresql://postgres@/postgres?host={folder}&port={server.port}"
        base = run(SCRIPTS / "base-backup", folder, folder / "certificate.pem", url).strip()
        server.ask("INSERT INTO acknowledged SELECT generate_series(1001, 2000)")
        (moment,) = server.ask("SELECT now()")[0]
        time.sleep(0.2)
        server.ask("DELETE FROM acknowledged")  # what a person did by mistake, and what a disk that breaks takes
        (segment,) = server.ask("SELECT pg_walfile_name(pg_switch_wal())")[0]
        archived = folder / f"wal/{segment}.cms"
        wait_for(archived.exists, seconds=30, what="the log is archived")
        server.kill()
        shutil.rmtree(server.data)
        run(SCRIPTS / "restore", base, folder / "wal", folder / "key.pem", restored.data, str(moment))
        restored.start()
        wait_for(lambda: restored.ask("SELECT 1 WHERE NOT pg_is_in_recovery()"), seconds=60, what="it is recovered")
        assert restored.ask("SELECT count(*), max(number) FROM acknowledged") == [(2000, 2000)]
    finally:
        server.kill()
        restored.kill()


def test_the_archive_is_encrypted_and_no_segment_is_overwritten_by_another(folder: Path) -> None:
    segment = folder / "segment"
    segment.write_bytes(b"ZZTEST-PATIENT" * 1000)
    segment.chmod(0o644)
    archive = (SCRIPTS / "archive-wal", folder / "wal", folder / "certificate.pem", segment, "0001")
    run(*archive)
    run(*archive)  # PostgreSQL asks again after a crash
    assert b"ZZTEST" not in (folder / "wal/0001.cms").read_bytes()
    segment.write_bytes(b"another server's")
    with pytest.raises(AssertionError, match="with another content"):
        run(*archive)
    run(SCRIPTS / "restore-wal", folder / "wal", folder / "key.pem", "0001", folder / "back")
    assert (folder / "back").read_bytes() == b"ZZTEST-PATIENT" * 1000
