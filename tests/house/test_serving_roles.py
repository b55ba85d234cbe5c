"""The served way: one process a role, Redis between them. Without the broker, cases still reach their readers."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest

from tests.serving import Hospitals, Served, is_open, wait_for

ROLES = ("web", "worker", "beat", "hl7", "dicom")


@pytest.fixture(scope="module")
def hospital(hospitals: Hospitals) -> Served:
    return hospitals.start(roles=ROLES)


def order_and_perform(served: Served, number: str) -> str:
    """A CT, ordered and performed over REST; its accession number. No call takes long."""
    began = time.monotonic()
    _, sites = served.api("scheduler", "/api/sites/")
    identifiers = [{"value": number, "authority": "TEST"}]
    person = {"identifiers": identifiers, "family_name": "ZZTEST", "given_name": "Bell"}
    _, patient = served.api("scheduler", "/api/patients/", person)
    _, codes = served.api("scheduler", "/api/procedures/?modality=CT")
    wish = {
        "site": sites["results"][0]["id"],
        "patient": patient["id"],
        "procedures": [{"code": codes["results"][0]["code"]}],
    }
    _, order = served.api("scheduler", "/api/orders/", wish)
    step = order["procedures"][0]["steps"][0]["id"]
    for verb in ("arrive", "start", "complete"):
        status, answer = served.api("tech", f"/api/steps/{step}/{verb}/", {})
        assert status == 200, answer
    assert time.monotonic() - began < 10
    return str(order["accession"])


def is_listed(served: Served, accession: str) -> Any:
    _, rows = served.api("lead", "/api/worklist/?list=all")
    return any(row["accession"] == accession for row in rows["results"])


def test_a_fact_goes_from_one_process_to_another_at_once(hospital: Served) -> None:
    accession = order_and_perform(hospital, "ZZ-ROLES-1")
    wait_for(lambda: is_listed(hospital, accession), seconds=20, what="the case is on the reading list")


def test_while_redis_is_away_work_goes_on_and_what_is_owed_comes_after(hospital: Served) -> None:
    port = int(hospital.env["REDIS_URL"].rsplit(":", 1)[1].split("/")[0])
    subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], check=False, timeout=10)
    wait_for(lambda: not is_open(("127.0.0.1", port)), seconds=10, what="Redis is away")
    accession = order_and_perform(hospital, "ZZ-ROLES-2")
    wait_for(lambda: is_listed(hospital, accession), seconds=30, what="the case is on the reading list without Redis")
    later = order_and_perform(hospital, "ZZ-ROLES-3")
    again = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(hospital.data)],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: is_listed(hospital, later), seconds=60, what="the case is on the reading list")
        assert [process.popen.poll() for process in hospital.processes] == [None] * len(ROLES)
        assert hospital.stop() == [0] * len(ROLES)
    finally:
        again.kill()
        again.wait()
