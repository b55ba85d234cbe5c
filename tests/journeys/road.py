"""The road from order to result, each part through its real door, for tests that walk it."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ris.demo.emr import ResultTaker, send
from ris.demo.scanner import Scanner
from tests.serving import Served, wait_for

ORDER = (Path(__file__).parents[2] / "docs" / "samples" / "order.hl7").read_text(encoding="utf-8").replace("\n", "\r")


def order(placer_number: str) -> str:
    """The README's sample order (head CT, STAT) under another placer number."""
    return ORDER.replace("DEMO-1001", placer_number).replace("DEMO-MSG-1001", f"MSG-{placer_number}")


def place(served: Served, placer_number: str) -> None:
    """The EMR sends the order and has its AA."""
    answer = send(served.mllp, order(placer_number))
    assert f"MSA|AA|MSG-{placer_number}" in answer, answer


def ask_worklist(served: Served) -> str:
    """What DCMTK's findscu prints when it asks as CT1 for today."""
    keys = [
        "(0040,0100)[0].0040,0001=CT1", "(0040,0100)[0].0040,0002", "0010,0010", "0010,0020", "0008,0050", "0040,2016",
    ]  # fmt: skip
    command = ["findscu", "-W", "-aet", "CT1", "-aec", "RIS", served.dicom[0], str(served.dicom[1])]
    done = subprocess.run(
        [*command, *(part for key in keys for part in ("-k", key))], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def scanner(served: Served) -> Scanner:
    return Scanner("CT1", served.dicom)


def begin_exam(served: Served, placer_number: str) -> str:
    """The scanner picks the entry and says that it begins; the MPPS UID."""
    device = scanner(served)
    entry = device.entry(placer_number)
    assert entry is not None, f"{placer_number} is not on the worklist"
    return device.begin(entry)


def accession_of(served: Served, placer_number: str) -> str:
    status, found = served.api("radiologist", f"/api/orders/?placer_number={placer_number}")
    assert status == 200, found
    return str(found["results"][0]["accession"])


def item_of(served: Served, accession: str) -> int:
    """The reading item of that accession number, once it is there."""

    def look() -> int | None:
        status, found = served.api("radiologist", f"/api/worklist/?list=all&accession={accession}")
        assert status == 200, found
        return found["results"][0]["id"] if found["results"] else None

    return int(wait_for(look, seconds=20, what=f"a reading item for {accession}"))


class Emr:
    """A result interface that remembers what it accepted."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.arrived: list[datetime] = []
        self._server = ResultTaker(("127.0.0.1", 0), self._take)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _take(self, message: str) -> None:
        self.messages.append(message)

    def results(self, accession: str) -> list[str]:
        """Results about that accession number, in the order of their arrival."""
        return [m for m in self.messages if re.search(rf"\|{accession}\b", m)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def listening_emr() -> Iterator[Emr]:
    emr = Emr()
    try:
        yield emr
    finally:
        emr.close()


def field(message: str, segment: str, number: int) -> Any:
    """The text of one field of the first such segment."""
    line = next(line for line in message.split("\r") if line.startswith(f"{segment}|"))
    return (line.split("|") + [""] * number)[number]
