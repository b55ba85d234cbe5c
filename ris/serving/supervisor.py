"""Runs roles side by side in one process, and stops them together.

A role runs in a thread until ``stop`` is set. A role that ends before ends the process, so that whoever watches the
process (systemd, Docker) starts all of it again.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from ris.requirements import say_missing

log = structlog.get_logger(__name__)

# systemd and Docker kill after 90 and 10 seconds; whatever is cut off is safe, since it was not acknowledged.
PATIENCE_S = 10.0
"""Seconds that roles get to stop cleanly."""

Say = Callable[[str], None]


class Role(Protocol):
    """A part that runs: a listener, a worker, a clock."""

    name: str

    def prepare(self) -> None:
        """Refuse what can be known to fail, before any role has started. Raises Misconfigured, ModuleNotFoundError."""

    def run(self, stop: threading.Event, ready: Say) -> None:
        """Work until ``stop`` is set; call ``ready`` once with where or how, as soon as it does."""


class Supervisor:
    """``serve()`` returns the exit code: 0 when asked to stop, 1 when a role died."""

    def __init__(self, roles: Sequence[Role], say: Say) -> None:
        self._roles = roles
        self._unprepared = list(roles)
        self._say = say
        self._stop = threading.Event()
        self._failed = ""
        self._waiting = {role.name for role in roles}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Prepare every role, once. Raises what a role's ``prepare`` does."""
        while self._unprepared:
            self._unprepared[0].prepare()
            del self._unprepared[0]

    def serve(self) -> int:
        """Run all roles until a signal or the first that ends. Raises what ``prepare`` does."""
        self.prepare()
        before = {name: signal.signal(name, self._asked) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        threads = [threading.Thread(target=self._run, args=[r], name=r.name, daemon=True) for r in self._roles]
        try:
            for thread in threads:
                thread.start()
            while not self._stop.wait(timeout=1):
                pass
            return self._wind_up(threads)
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def _asked(self, number: int, frame: object) -> None:
        if self._stop.is_set() and number == signal.SIGINT:  # a second Ctrl-C: the person does not want to wait
            raise KeyboardInterrupt
        self._stop.set()

    def _run(self, role: Role) -> None:
        try:
            role.run(self._stop, lambda how: self._ready(role.name, how))
            if not self._stop.is_set():
                self._fail(role.name, "it ended by itself")
        except BaseException as error:  # SystemExit of a library, too: in a thread it would end the role in silence
            log.exception("role.died", role=role.name)
            missing = say_missing(error) if isinstance(error, ModuleNotFoundError) else ""
            self._fail(role.name, missing or type(error).__name__)

    def _ready(self, name: str, how: str) -> None:
        with self._lock:
            self._say(f"  {name:7} {how}")
            self._waiting.discard(name)
            if not self._waiting:
                self._say("Up. Ctrl-C stops it.")

    def _fail(self, name: str, why: str) -> None:
        if not self._stop.is_set():
            self._failed = f"{name} died ({why}), so everything stops. The log above says where."
        self._stop.set()

    def _wind_up(self, threads: list[threading.Thread]) -> int:
        self._say("Stopping …")
        deadline = time.monotonic() + PATIENCE_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.name for thread in threads if thread.is_alive()]
        if late:
            self._say(f"Did not stop in {PATIENCE_S:.0f} seconds and was cut off: {', '.join(late)}. Nothing is lost.")
        self._say(self._failed or "Stopped.")
        return 1 if self._failed else 0
