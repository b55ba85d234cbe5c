"""The EMR of the demo hospital: writes orders for made-up patients, and takes results."""

from __future__ import annotations

import random
import socket
import socketserver
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

START, END = b"\x0b", b"\x1c\r"  # MLLP: VT before a message, FS and CR after it

FAMILIES = ["HERON", "OSPREY", "PLOVER", "AVOCET", "CURLEW", "DUNLIN", "EGRET", "FULMAR", "GANNET", "KESTREL", "MERLIN"]
GIVENS = {
    "F": ["Alva", "Cleo", "Dora", "Fern", "Gale", "Iris", "Juno", "Kaya", "Liv", "Nell", "Olga", "Thea", "Una", "Vera"],
    "M": ["Bram", "Emil", "Hugo", "Ivor", "Karl", "Lars", "Milo", "Nils", "Otto", "Piet", "Rolf", "Sven", "Tom", "Udo"],
}


@dataclass(frozen=True)
class DemoOrder:
    """One order as the demo's EMR knows it."""

    placer_number: str
    patient_number: str
    procedure: dict[str, str]
    priority: str
    patient_class: str
    station_ae: str
    start: datetime
    site: str
    reason: str


class DemoPatients:
    """Made-up people. Their family names begin with DEMO, so nobody takes them for real."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def name(self, number: str) -> tuple[str, str, str, str]:
        """(family, given, birth date as YYYYMMDD, sex) of the patient of that number: always the same."""
        draw = random.Random(number)  # the number is the seed, so nothing about a patient has to be kept
        born = f"{draw.randint(1936, 2008)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}"
        sex = draw.choice("FM")
        return f"DEMO-{draw.choice(FAMILIES)}", draw.choice(GIVENS[sex]), born, sex

    def pick(self) -> str:
        """A patient number; some come back, so that there are priors."""
        return f"DEMO{self.chance.randint(1, 400):05d}"


def order_message(order: DemoOrder, control: str = "NW") -> str:
    """The order as HL7 2.3.1 ORM^O01 (IHE RAD-2)."""
    family, given, born, sex = DemoPatients(random.Random()).name(order.patient_number)
    code, text = order.procedure["code"], order.procedure["name"]
    priority = {"STAT": "S", "HIGH": "A"}.get(order.priority, "R")  # HL7 table 0027: stat, as soon as possible, routine
    stamp = f"{order.start:%Y%m%d%H%M%S%z}"
    segments = [
        f"MSH|^~\\&|DEMOEMR|{order.site}|RIS|RAD|{stamp}||ORM^O01|{order.placer_number}-{control}|P|2.3.1",
        f"PID|||{order.patient_number}^^^{order.site}^MR||{family}^{given}||{born}|{sex}",
        f"PV1||{order.patient_class}|{order.site} WARD|||||DR9^DEMO-REFERRER^RITA|||||||||||V{order.placer_number}",
        f"ORC|{control}|{order.placer_number}^DEMOEMR|||||^^^{stamp}^^{priority}|||||DR9^DEMO-REFERRER^RITA",
        f"OBR|1|{order.placer_number}^DEMOEMR||{code}^{text}^L|||||||||||||||||{order.station_ae}|||"
        f"{order.procedure['modality']}|||^^^{stamp}^^{priority}||||^{order.reason}",
    ]
    return "\r".join(segments) + "\r"


def send(address: tuple[str, int], message: str) -> str:
    """Send one message over MLLP and return the answer. Raises OSError when there is none within 30 s."""
    with socket.create_connection(address, timeout=30) as peer:
        peer.sendall(START + message.encode() + END)
        answer = b""
        while not answer.endswith(END):
            more = peer.recv(65536)
            if not more:
                raise ConnectionError("the listener closed without an answer")
            answer += more
    return answer.strip(START + END).decode()


class ResultTaker(socketserver.ThreadingTCPServer):
    """Listens as the EMR's result interface: shows each message to ``show`` and accepts it with AA."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], show: Callable[[str], Any]) -> None:
        self.show = show
        super().__init__(address, _ResultHandler)


class _ResultHandler(socketserver.StreamRequestHandler):
    server: ResultTaker

    def handle(self) -> None:
        held = b""
        while more := self.request.recv(65536):
            held += more
            while END in held:
                message, held = held.split(END, 1)
                text = message.lstrip(START).decode("utf-8", "replace")
                self.server.show(text)
                control_id = (text.split("\r", 1)[0].split("|") + [""] * 10)[9]
                answer = f"MSH|^~\\&|EMR|DEMO|RIS|RAD|||ACK|{control_id}A|P|2.3.1\rMSA|AA|{control_id}\r"
                self.request.sendall(START + answer.encode() + END)
