"""Which files of the project one piece of work passes, and how often a call goes from one file to another.

Files that every call passes and that decide nothing (settings, logs, refusals) are left out.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from tests.house.source_tree import PACKAGES, ROOT

PREFIX = f"{ROOT}/"
LEFT_OUT = ("ris/logs", "ris/config", "ris/settings", "migrations/", "/apps.py", "errors.py")

QUIET_S = 0.05
"""Work of other threads has ended when nothing was called for so long; less than the pause of any polling loop."""

LONGEST_WAIT_S = 5.0


@dataclass(frozen=True)
class Call:
    """A function of the project that was entered, and the file of the nearest caller of the project."""

    file: str
    function: str
    line: int
    caller: str | None
    """None: a library called it."""


@dataclass
class Journey:
    """The calls of one piece of work, in the order in which they were made."""

    calls: list[Call] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """Each file once, in the order of the first call into it."""
        return list(dict.fromkeys(call.file for call in self.calls))

    @property
    def figures(self) -> dict[str, int]:
        """Numbers of files, of functions in them, and of calls from one file to another."""
        return {
            "files": len(self.files),
            "functions": len({(call.file, call.function, call.line) for call in self.calls}),
            "cross_file_calls": sum(call.caller != call.file for call in self.calls),
        }


class Tracer:
    """Notes the calls of this thread and of all threads that are started while it is installed.

    Install it before the servers start whose threads shall be seen; record only what the journey consists of.
    """

    def __init__(self) -> None:
        self.journey = Journey()
        self._recording = False
        self._last_call = 0.0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Be asked at every call, which is slow."""
        threading.setprofile(self._on_event)
        sys.setprofile(self._on_event)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Note calls; at the end wait until the other threads have done what they were woken for."""
        self._last_call = time.monotonic()
        self._recording = True
        try:
            yield
            deadline = time.monotonic() + LONGEST_WAIT_S
            while time.monotonic() < min(deadline, self._last_call + QUIET_S):
                time.sleep(QUIET_S / 5)
        finally:
            self._recording = False

    def _on_event(self, frame: FrameType, event: str, argument: object) -> None:
        if not self._recording or event != "call":
            return
        file = _project_file(frame)
        if not file or frame.f_code.co_name.startswith("<") or any(part in file for part in LEFT_OUT):
            return
        self._last_call = time.monotonic()
        code = frame.f_code
        self.journey.calls.append(Call(file, code.co_qualname, code.co_firstlineno, _calling_file(frame)))


def _project_file(frame: FrameType) -> str:
    """Path under the root; empty for libraries and tests."""
    file = frame.f_code.co_filename.removeprefix(PREFIX)
    return file if file.partition("/")[0] in PACKAGES else ""


def _calling_file(frame: FrameType) -> str | None:
    caller = frame.f_back
    while caller is not None:
        if file := _project_file(caller):
            return file
        caller = caller.f_back
    return None
