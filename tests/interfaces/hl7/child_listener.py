"""The real listener in a process of its own, to be killed. ``argv[1]``: where it kills itself; ``-``: nowhere.

Prints the port. Run by test_killing.py with the test database in DATABASE_URL.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import django

django.setup()

from interfaces.hl7.inbound import intake, listener, processing  # noqa: E402

POINT, AFTER = sys.argv[1], int(sys.argv[2])
calls = 0


def die(at: str) -> None:
    global calls
    if at == POINT:
        calls += 1
        if calls > AFTER:
            os.kill(os.getpid(), signal.SIGKILL)


def wrapped(name: str) -> None:
    real = getattr(intake, name)

    def killing(*arguments: Any, **named: Any) -> Any:
        die(f"before {name}")
        result = real(*arguments, **named)
        die(f"after {name}")
        return result

    setattr(intake, name, killing)


real_write = processing.write_outcome


def dying_write(row: Any) -> Any:
    die("inside decide")
    return real_write(row)


wrapped("store_messages")
wrapped("process_batch")
processing.write_outcome = dying_write
listener.serve("127.0.0.1", 0, threading.Event(), on_listening=lambda port: print(port, flush=True))  # noqa: T201
