"""The served way: one process a role, Redis between them. Without the broker, cases still reach their readers."""

from __future__ import annotations

import asyncio
import http.cookiejar
import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import websockets

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


def sign_in(served: Served, user: str) -> str:
    """The cookies of somebody who signed in on the page of this process."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = browser.open(served.url + "/login/", timeout=30).read().decode()
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page))
    form = {"csrfmiddlewaretoken": token, "username": user, "password": served.passwords[user]}
    browser.open(served.url + "/login/", urlencode(form).encode(), timeout=30)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


async def hear_changes(served: Served, cookies: str, item_id: int, changes: Sequence[Callable[[], Any]]) -> list[float]:
    """After how many seconds a list that is open at this process is told of each change, made one by one."""
    where, seconds = f"ws://{served.http[0]}:{served.http[1]}/ws/worklist/", []
    async with websockets.connect(where, origin=served.url, additional_headers={"Cookie": cookies}) as socket:  # type: ignore[arg-type]
        for change in changes:
            await asyncio.to_thread(change)
            began = time.monotonic()
            while item_id not in json.loads(await asyncio.wait_for(socket.recv(), 20))["ids"]:
                pass
            seconds.append(time.monotonic() - began)
    return seconds


def test_a_list_that_is_open_at_one_web_process_hears_of_a_claim_at_another(hospital: Served, tmp_path: Path) -> None:
    accession = order_and_perform(hospital, "ZZ-ROLES-BELL")
    wait_for(lambda: is_listed(hospital, accession), seconds=20, what="the case is on the reading list")
    _, rows = hospital.api("lead", "/api/worklist/?list=all")
    item_id = next(row["id"] for row in rows["results"] if row["accession"] == accession)
    case = f"/api/worklist/{item_id}/"
    other = Served(hospital.env | {"RIS_HTTP": "127.0.0.1:0"}, roles=("web",), said_in=tmp_path)
    try:
        other.start()
        assert other.http != hospital.http
        acts = [partial(hospital.api, "radiologist", case + verb, {}) for verb in ("claim/", "release/", "claim/")]
        seconds = asyncio.run(hear_changes(other, sign_in(other, "lead"), item_id, acts))
        # Without the bell it would look at the facts 5 s (POLL) after it last heard of any.
        assert max(seconds[1:]) < 3, seconds
        assert other.api("lead", case)[1]["state"] == "claimed"  # what its page reads again
    finally:
        other.kill()


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
