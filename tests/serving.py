"""The product as it is run: real processes on free ports, with data, database and Redis of their own."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.migrated import copy_migrated_sqlite, migrated_postgres

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-run/bin/python"
"""Of an environment that holds what requirements.txt pins and nothing that only tests bring."""
PLACE = re.compile(r"^ {2}(web|hl7|dicom) +\S*?://\S*?([\w.]+):(\d+)/?$", re.MULTILINE)
Address = tuple[str, int]

ISSUE_TOKENS = """
import json
from ris.audit.services import Actor
from ris.kernel.clock import now
from ris.people.models import User
from ris.people.services import issue_token
users = User.objects.filter(is_active=True)
print(json.dumps({u.username: issue_token(u, label="test", actor=Actor.job("test"), at=now()) for u in users}))
"""


def environment(data: Path, **more: str) -> dict[str, str]:
    """The environment of a product that has nothing to do with any other, on ports that the system chooses."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIS_", "DJANGO_"))}
    kept.pop("DATABASE_URL", None)
    kept.pop("REDIS_URL", None)
    anywhere = dict.fromkeys(("RIS_HTTP", "RIS_MLLP", "RIS_DICOM"), "127.0.0.1:0")
    still = {"RIS_DEMO_LIVE": "0"}  # tests count what they have put there themselves
    return kept | anywhere | still | {"RIS_DATA": str(data), "PYTHONUNBUFFERED": "1"} | more


def python() -> str:
    """The interpreter of served roles. Never the tests' own: what the product forgot to pin may be there by chance."""
    if not PYTHON.exists():
        raise RuntimeError(
            f"{PYTHON} is missing: served roles run on what requirements.txt pins alone. Cure: ./bin/test makes it, or "
            "python3 -m venv .venv-run && .venv-run/bin/python -m pip install --require-hashes -r requirements.txt"
        )
    return str(PYTHON)


def ris(env: Mapping[str, str], *args: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """``./bin/ris …`` to its end, on what requirements.txt pins."""
    command = [python(), str(ROOT / "manage.py"), *args]
    return subprocess.run(command, env=dict(env), cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def wait_for(check: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Ask ``check`` until it says something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
    return found


class Process:
    """``serve ROLE``, with what it says in two files."""

    def __init__(self, env: Mapping[str, str], role: str, folder: Path) -> None:
        self.role = role
        self._out, self._err = folder / f"{role}.out", folder / f"{role}.err"
        with self._out.open("w") as out, self._err.open("a") as err:
            command = [python(), str(ROOT / "manage.py"), "serve", role]
            self.popen = subprocess.Popen(
                command, env=dict(env), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    def said(self) -> str:
        return self._out.read_text()

    def logged(self) -> str:
        return self._err.read_text()

    def is_up(self) -> bool:
        if self.popen.poll() is not None:
            raise AssertionError(f"{self.role} ended with {self.popen.returncode}:\n{self.said()}\n{self.logged()}")
        return "Up." in self.said()

    def end(self, how: signal.Signals, seconds: float = 15) -> int:
        if self.popen.poll() is None:
            self.popen.send_signal(how)
        return self.popen.wait(timeout=seconds)


class Served:
    """A running hospital. ``http``, ``mllp``, ``dicom``: where it listens; they stay the same over a restart.

    ``said_in``: the folder of what its roles say, where it is not that of its data.
    """

    http: Address
    mllp: Address
    dicom: Address

    def __init__(self, env: dict[str, str], roles: tuple[str, ...] = ("all",), *, said_in: Path | None = None) -> None:
        self.env = env
        self.data = Path(env["RIS_DATA"])
        self._said_in = said_in or self.data
        self.roles = roles
        self.processes: list[Process] = []

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://{self.http[0]}:{self.http[1]}"

    @property
    def passwords(self) -> dict[str, str]:
        """Of the demo's users."""
        lines = (self.data / "demo-users.txt").read_text().splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def start(self, *, seconds: float = 120) -> None:
        """Start all roles and wait until each says that it is up."""
        self.processes = [Process(self.env, role, self._said_in) for role in self.roles]
        for process in self.processes:
            wait_for(process.is_up, seconds=seconds, what=f"{process.role} is up")
            for name, host, port in PLACE.findall(process.said()):
                place = {"web": "http", "hl7": "mllp", "dicom": "dicom"}[name]
                setattr(self, place, (host, int(port)))
                self.env[f"RIS_{place.upper()}"] = f"{host}:{port}"

    def stop(self) -> list[int]:
        """Ask all roles to end, as Ctrl-C does; return their exit codes."""
        for process in self.processes:
            if process.popen.poll() is None:
                process.popen.send_signal(signal.SIGTERM)
        return [process.popen.wait(timeout=15) for process in self.processes]

    def kill(self) -> None:
        """kill -9, all of it."""
        for process in self.processes:
            process.end(signal.SIGKILL)

    def log(self) -> str:
        return "".join(process.logged() for process in self.processes)

    def ris(self, *args: str) -> str:
        """``./bin/ris …`` in this hospital; what it prints."""
        done = ris(self.env, *args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def token(self, user: str) -> str:
        """The API token of a demo user."""
        return str(json.loads((self.data / "tokens.json").read_text())[user])

    def api(self, user: str, path: str, body: Any = None, *, method: str = "") -> tuple[int, Any]:
        """Call the API as the user: status and JSON. POST when there is a body, unless ``method`` says otherwise."""
        headers = {"Authorization": f"Bearer {self.token(user)}", "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method or None)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text else None


class Hospitals:
    """Hands out hospitals that are migrated and seeded already: that is done once and copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = os.environ.get("DATABASE_URL", "")
        self._template = folder / "template"
        self._databases: list[str] = []
        self._served: list[Served] = []
        self._redises: list[subprocess.Popen[bytes]] = []

    def start(self, *, roles: tuple[str, ...] = ("all",), **more: str) -> Served:
        """Start a hospital of its own. ``more``: further variables of its environment."""
        served = self.make(roles=roles, **more)
        served.start()
        return served

    def make(self, *, roles: tuple[str, ...] = ("all",), **more: str) -> Served:
        """The same, ready to be started."""
        if not self._template.exists():
            self._make_template()
        data = self._folder / uuid.uuid4().hex[:8]
        shutil.copytree(self._template, data)
        env = environment(data, **self._database(template="template"), **more)
        if os.environ.get("REDIS_URL") or roles != ("all",):
            env.setdefault("REDIS_URL", self._redis())
        served = Served(env, roles)
        self._served.append(served)
        return served

    def _make_template(self) -> None:
        if not self._server:
            self._template.mkdir(parents=True)
            copy_migrated_sqlite(self._template / "ris.sqlite3")
        env = environment(self._template, **self._database(name="template"))
        # Static files are collected into one folder: once, however many test processes there are.
        with (Path(tempfile.gettempdir()) / "wetread-prepare.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = ris(env, "prepare")
        assert done.returncode == 0, done.stdout + done.stderr
        issued = ris(env, "shell", "--verbosity", "0", "-c", ISSUE_TOKENS)  # for all at once: a process costs seconds
        assert issued.returncode == 0, issued.stderr
        (self._template / "tokens.json").write_text(issued.stdout)

    def _database(self, *, name: str = "", template: str = "") -> dict[str, str]:
        if not self._server:
            return {}
        if not name:
            name = f"hospital_{uuid.uuid4().hex[:8]}"
        mark = self._folder.name.replace("-", "_") + str(os.getpid())
        made_of = f"{template}_{mark}" if template else migrated_postgres(self._server)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(f"{name}_{mark}"), sql.Identifier(made_of)
        )
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)
        self._databases.append(f"{name}_{mark}")
        return {"DATABASE_URL": f"{self._server.rsplit('/', 1)[0]}/{name}_{mark}"}

    def _redis(self) -> str:
        port = free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._redises.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        wait_for(lambda: is_open(("127.0.0.1", port)), seconds=10, what="Redis listens")
        return f"redis://127.0.0.1:{port}/0"

    def close(self) -> None:
        for served in self._served:
            served.kill()
        for redis in self._redises:
            redis.kill()
            redis.wait()
        if self._databases:
            with psycopg.connect(self._server, autocommit=True) as connection:
                for name in self._databases:
                    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(self._folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_open(where: Address) -> bool:
    try:
        socket.create_connection(where, timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])
