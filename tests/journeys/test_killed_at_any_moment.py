"""The process tree is killed with -9 again and again; what was acknowledged stays, exactly once in its effect."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from ris.demo.emr import send
from tests.serving import Hospitals, Served, wait_for

from . import road

SEED = 20260310


@pytest.fixture
def emr() -> Iterator[road.Emr]:
    with road.listening_emr() as emr:
        yield emr


def crash(served: Served) -> None:
    served.kill()
    served.start()


def test_a_crash_after_each_step_of_the_journey_loses_nothing(hospitals: Hospitals, emr: road.Emr) -> None:
    served = hospitals.start(RIS_EMR=emr.address)
    road.place(served, "DEMO-2001")
    crash(served)
    mpps_uid = road.begin_exam(served, "DEMO-2001")
    crash(served)
    road.scanner(served).complete(mpps_uid)
    crash(served)
    accession = road.accession_of(served, "DEMO-2001")
    item_id = road.item_of(served, accession)
    assert served.api("radiologist", f"/api/worklist/{item_id}/claim/", {})[0] == 200
    crash(served)
    report = f"/api/worklist/{item_id}/report/"
    draft = {"revision": 0, "findings": "Two.", "impression": "None."}
    status, saved = served.api("radiologist", report, draft, method="PUT")
    assert status == 200, saved
    crash(served)
    status, kept = served.api("radiologist", report)
    assert (status, kept["findings"], kept["revision"]) == (200, "Two.", saved["revision"])
    assert served.api("radiologist", f"{report}sign/", {"revision": saved["revision"]})[0] == 201
    crash(served)
    wait_for(lambda: emr.results(accession), seconds=60, what="the EMR has the result")
    crash(served)
    time.sleep(2)
    assert len({road.field(r, "MSH", 9) for r in emr.results(accession)}) == 1, "a resend keeps its control id"
    served.kill()


def test_orders_acknowledged_in_a_storm_of_crashes_are_all_there_once(hospitals: Hospitals) -> None:
    chance = random.Random(SEED)
    served = hospitals.start()
    acknowledged: set[str] = set()
    over = threading.Event()

    def storm() -> None:
        number = 3000
        while not over.is_set():
            number += 1
            while not over.is_set():  # as an EMR does: the same message again until it is answered
                try:
                    answer = send(served.mllp, road.order(f"DEMO-{number}"))
                except OSError:
                    time.sleep(0.05)
                    continue
                if f"MSA|AA|MSG-DEMO-{number}" in answer:
                    acknowledged.add(f"DEMO-{number}")
                break

    sender = threading.Thread(target=storm)
    sender.start()
    try:
        for _ in range(4):
            time.sleep(chance.uniform(0.5, 2.0))
            crash(served)
        time.sleep(1)
    finally:
        over.set()
        sender.join()
    counts = {
        number: served.api("scheduler", f"/api/orders/?placer_number={number}")[1]["count"] for number in acknowledged
    }
    assert len(acknowledged) > 20, f"seed {SEED}"
    assert set(counts.values()) == {1}, f"seed {SEED}: {counts}"
    served.kill()
