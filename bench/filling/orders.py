"""Orders that pour into a running system, and what of them is there afterwards. For ``faults.py``."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.serving import Served

SENDERS = 4
ANSWER_S = 60.0

COUNT_ORDERS = """
import json
from collections import Counter
from ris.kernel.models import Delivery
from ris.orders.models import Order
rows = Order.objects.filter(placer_number__startswith="ZZF")
placed = Counter(rows.values_list("placer_number", flat=True))
print(json.dumps({
    "orders": placed, "owed": Delivery.objects.exclude(state="done").count(),
    "reasons": dict(rows.values_list("placer_number", "reason")),
}))
"""


def order(number: str, control: str = "NW") -> bytes:
    """An order of a made-up patient (NW), or the last word on it (XO): its reason is the control code."""
    segments = [
        f"MSH|^~\\&|FAULTS|NORTH|RIS|RAD|20260310120000||ORM^O01|{number}{control}|P|2.3.1",
        f"PID|||{number}^^^NORTH^MR||ZZTEST-FAULT^{number}||19450714|F",
        f"ORC|{control}|{number}^FAULTS",
        f"OBR|1|{number}^FAULTS||CTHEADWO^CT head without contrast^L||||||||||||||||||||CT|||||||^{control}",
    ]
    return b"\x0b" + ("\r".join(segments) + "\r").encode() + b"\x1c\r"


class Sender(threading.Thread):
    """Sends one order after the other and each until it is answered, as an EMR does; keeps what was acknowledged."""

    def __init__(self, where: Callable[[], tuple[str, int]], name: str, pace_s: float = 0.0) -> None:
        super().__init__(daemon=True)
        self._where, self._name, self._pace_s = where, name, pace_s
        self.over = threading.Event()
        self.acknowledged: list[str] = []
        self.revised: list[str] = []
        self.longest_s = 0.0

    def run(self) -> None:
        """Until ``over`` is set."""
        number = 0
        while not self.over.is_set():
            number += 1
            self.deliver(f"ZZF{self._name}-{number}", "NW", self.acknowledged)
            self.deliver(f"ZZF{self._name}-{number}", "XO", self.revised)
            self.over.wait(self._pace_s)

    def deliver(self, number: str, control: str, acknowledged: list[str]) -> None:
        """Send until AA; note the number as acknowledged, and the longest wait for an answer."""
        while not self.over.is_set():
            began_s = time.monotonic()
            code = self._exchange(order(number, control))
            self.longest_s = max(self.longest_s, time.monotonic() - began_s)
            if code == "AA":
                acknowledged.append(number)
                return
            time.sleep(0.05)

    def _exchange(self, raw: bytes) -> str:
        """MSA-1 of the answer; ``closed`` when none came."""
        try:
            with socket.create_connection(self._where(), timeout=ANSWER_S) as peer:
                peer.sendall(raw)
                answer = b""
                while not answer.endswith(b"\x1c\r"):
                    data = peer.recv(65536)
                    if not data:
                        return "closed"
                    answer += data
        except OSError:
            return "closed"
        return answer.partition(b"MSA|")[2][:2].decode("ascii", "replace")


@contextmanager
def senders(served: Served, run: str, pace_s: float = 0.0) -> Iterator[list[Sender]]:
    """Several at once, until the end of the block."""
    started = [Sender(lambda: served.mllp, f"{run}{n}", pace_s) for n in range(SENDERS)]
    for sender in started:
        sender.start()
    try:
        yield started
    finally:
        for sender in started:
            sender.over.set()
        for sender in started:
            sender.join(ANSWER_S)


@dataclass(frozen=True)
class Stock:
    """Acknowledged orders that are not there, that are there twice, whose last word does not stand; seconds to drain.

    ``owed``: deliveries that were still owed after two minutes.
    """

    acknowledged: int
    lost: int
    doubled: int
    disordered: int
    drained_s: float
    owed: int

    def __str__(self) -> str:
        drained = f"{self.owed} still owed" if self.owed else f"nothing owed after {self.drained_s:.0f} s"
        return (
            f"{self.acknowledged} messages acknowledged, {self.lost} lost, {self.doubled} doubled, "
            f"{self.disordered} out of order, {drained}"
        )


def take_stock(served: Served, all_senders: list[Sender]) -> Stock:
    """Wait until nothing is owed, at most two minutes, and compare what is there with what was acknowledged."""
    began_s = time.monotonic()
    while True:
        stock = json.loads(served.ris("shell", "--verbosity", "0", "-c", COUNT_ORDERS))
        if not stock["owed"] or time.monotonic() - began_s > 120:
            break
    orders, reasons = stock["orders"], stock["reasons"]
    placed = [number for sender in all_senders for number in sender.acknowledged]
    revised = [number for sender in all_senders for number in sender.revised]
    return Stock(
        acknowledged=len(placed) + len(revised),
        lost=sum(number not in orders for number in placed),
        doubled=sum(count > 1 for count in orders.values()),
        disordered=sum(reasons.get(number) != "XO" for number in revised),
        drained_s=time.monotonic() - began_s,
        owed=stock["owed"],
    )
