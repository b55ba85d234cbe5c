"""Faults on a running system: what was lost, doubled or late. Prints a table for docs/trust.md.

    .venv/bin/python bench/faults.py --seed 1 --kills 20                     # SQLite, one process
    DATABASE_URL=postgres://… .venv/bin/python bench/faults.py --seed 1      # PostgreSQL and Redis, a process a role

Roles run from .venv-run (what requirements.txt pins, nothing else), on databases of their own, dropped at the end.
The seed decides when each kill comes; what it meets there is the machine's own.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from filling.orders import Sender, senders, take_stock

from tests.serving import Hospitals, Process, Served, wait_for

DEAD_SOCKETS = 200
PACE_S = 0.5
"""Between two orders of a sender where draining is measured: 8 orders/s in all, ten times a national peak hour."""
ROLES = ("web", "worker", "beat", "hl7")
"""What is killed of the served way; of the other way all is one process."""


def kills(hospitals: Hospitals, chance: random.Random, times: int) -> str:
    """kill -9 at random moments while orders pour in: of all, or of one role where each is a process."""
    served = start(hospitals)
    back_s = 0.0
    with senders(served, "K", PACE_S) as all_senders:
        for _ in range(times):
            time.sleep(chance.uniform(0.2, 4.0))
            one = chance.choice(served.processes)
            began_s = time.monotonic()
            if len(served.roles) == 1 or chance.random() < 0.2:
                served.kill()
                served.start()
            else:
                restart(served, one)
            back_s = max(back_s, time.monotonic() - began_s)
        time.sleep(2)
    stock = take_stock(served, all_senders)
    served.stop()
    return f"kill -9, {times} times | {stock}; back {back_s:.0f} s after a kill at most | 0 lost, 0 doubled, ≤ 60 s"


def start(hospitals: Hospitals) -> Served:
    """One process on SQLite; on PostgreSQL a process for each role."""
    return hospitals.start(roles=ROLES) if os.environ.get("DATABASE_URL") else hospitals.start()


def restart(served: Served, one: Process) -> None:
    """kill -9 of one role, started again as a supervisor of processes would."""
    one.end(signal.SIGKILL)
    fresh = Process(served.env, one.role, served.data)
    served.processes[served.processes.index(one)] = fresh
    wait_for(fresh.is_up, seconds=120, what=f"{one.role} is up")


def redis_away(hospitals: Hospitals, seconds: float) -> str:
    """Redis is away while orders pour in."""
    served = start(hospitals)
    port = served.env["REDIS_URL"].rsplit(":", 1)[1].split("/")[0]
    with senders(served, "R", PACE_S) as all_senders:
        time.sleep(3)
        subprocess.run(["redis-cli", "-p", port, "shutdown", "nosave"], check=False, timeout=10)
        before = sum(len(sender.acknowledged) for sender in all_senders)
        time.sleep(seconds)
        taken = sum(len(sender.acknowledged) for sender in all_senders) - before
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", str(served.data)]
        again = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(2)
    stock = take_stock(served, all_senders)
    served.stop()
    again.kill()
    again.wait()
    return f"Redis away {seconds:.0f} s | {taken} orders taken meanwhile; {stock} | intake goes on, 0 lost"


class Gate(threading.Thread):
    """A TCP relay to the database that can be shut, as a network or a server that is away."""

    def __init__(self, to: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self._to, self._open = to, True
        self._pairs: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        """Accept for ever; what comes while the gate is shut is closed."""
        while True:
            inner, _ = self._listener.accept()
            if not self._open:
                inner.close()
                continue
            outer = socket.create_connection(self._to)
            self._pairs += [inner, outer]
            for source, target in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._copy, args=[source, target], daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            source.close()
            target.close()

    def shut(self) -> None:
        """Cut all that is open, and let nothing in."""
        self._open = False
        for end in self._pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._pairs = []

    def reopen(self) -> None:
        """Let the next in."""
        self._open = True


def database_away(hospitals: Hospitals, seconds: float) -> str:
    """The database is away while orders pour in."""
    served = hospitals.make()
    url = urlsplit(served.env["DATABASE_URL"])
    gate = Gate((url.hostname or "127.0.0.1", url.port or 5432))
    gate.start()
    who = url.netloc.rpartition("@")[0]
    served.env["DATABASE_URL"] = urlunsplit(url._replace(netloc=f"{who}@127.0.0.1:{gate.port}"))
    served.start()
    with senders(served, "D") as all_senders:
        time.sleep(3)
        gate.shut()
        time.sleep(0.5)
        for sender in all_senders:
            sender.longest_s = 0.0
        before = [len(sender.acknowledged) for sender in all_senders]
        time.sleep(seconds)
        taken = sum(len(sender.acknowledged) for sender in all_senders) - sum(before)
        longest_s = max(sender.longest_s for sender in all_senders)
        gate.reopen()
        began_s = time.monotonic()
        count = [len(sender.acknowledged) for sender in all_senders]
        while any(len(sender.acknowledged) == n for sender, n in zip(all_senders, count, strict=True)):
            time.sleep(0.05)  # each of them must be served, not only the luckiest
        back_s = time.monotonic() - began_s
    stock = take_stock(served, all_senders)
    served.stop()
    seen = f"{taken} acknowledged meanwhile, the longest wait for AR {longest_s:.1f} s; {stock}"
    after = f"all senders served {back_s:.1f} s after it was back"
    return f"database away {seconds:.0f} s | {seen}, {after} | 0 AA, AR ≤ 10 s, back ≤ 10 s"


def dead_peers(hospitals: Hospitals) -> str:
    """Sockets that say nothing, and some that trickle, while others are served."""
    served = hospitals.start()
    alone_s, _ = _serve_for(served, "A", 5)
    dead = [socket.create_connection(served.mllp) for _ in range(DEAD_SOCKETS)]
    for peer in dead[::2]:
        peer.sendall(b"\x0bMSH|^~\\&|SLOW")
    first_s = _first_answer(served)
    longest_s, number = _serve_for(served, "P", 5)
    for peer in dead:
        peer.close()
    served.stop()
    seen = (
        f"a new connection answered after {first_s:.2f} s; {number} others in 5 s, the longest wait {longest_s:.2f} s"
    )
    return f"{DEAD_SOCKETS} dead or trickling HL7 peers | {seen} (without them {alone_s:.2f} s) | < 1 s"


def _first_answer(served: Served) -> float:
    """The longest of ten times from a new connection to its AA, one after the other."""
    one, longest_s = Sender(lambda: served.mllp, "F"), 0.0
    for n in range(10):
        began_s = time.monotonic()
        one.deliver(f"ZZFnew-{n}", "NW", one.acknowledged)
        longest_s = max(longest_s, time.monotonic() - began_s)
    return longest_s


def _serve_for(served: Served, run: str, seconds: float) -> tuple[float, int]:
    """The longest time to an answer, and how many were acknowledged, in so many seconds."""
    with senders(served, run) as all_senders:
        time.sleep(seconds)
    return max(sender.longest_s for sender in all_senders), sum(len(sender.acknowledged) for sender in all_senders)


def main() -> None:
    """Run all that this machine allows, and print each row as soon as it is known."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--seed", type=int, default=int(time.time()))
    asked.add_argument("--kills", type=int, default=10)
    asked.add_argument("--away", type=float, default=60.0, help="seconds that the database, and Redis, are away")
    asked.add_argument("--only", default="kills,database,redis,dead", help="which faults, with commas between")
    given = asked.parse_args()
    served = bool(os.environ.get("DATABASE_URL"))
    print(f"seed {given.seed}\n\n| fault | seen | wanted |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="wetread-faults-") as folder:
        hospitals = Hospitals(Path(folder))
        faults: dict[str, Callable[[], str]] = {
            "kills": lambda: kills(hospitals, random.Random(given.seed), given.kills),
            "database": lambda: database_away(hospitals, given.away),
            "redis": lambda: redis_away(hospitals, given.away),
            "dead": lambda: dead_peers(hospitals),
        }
        try:
            for name in given.only.split(","):
                if served or name in ("kills", "dead"):
                    print(f"| {faults[name]()} |", flush=True)
        finally:
            hospitals.close()


if __name__ == "__main__":
    main()
