"""One command runs everything, and one signal ends it: with real processes."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import websockets

from tests.serving import ROOT, Hospitals, Served, environment, is_open, ris, taken, wait_for

CANARY = "ZZCANARY"


@pytest.fixture(scope="module")
def hospital(hospitals: Hospitals) -> Served:
    return hospitals.start()


def get(served: Served, path: str, **headers: str) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(*served.http, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read().decode()


def test_every_listener_listens_on_loopback(hospital: Served) -> None:
    assert all(is_open(where) for where in (hospital.http, hospital.mllp, hospital.dicom))
    assert {where[0] for where in (hospital.http, hospital.mllp, hospital.dicom)} == {"127.0.0.1"}


def test_health_says_that_the_database_answers_and_the_sweeps_live(hospital: Served) -> None:
    def sweeping() -> bool:
        answer, body = get(hospital, "/healthz")
        return answer.status == 200 and '"sweeps_silent_seconds": null' not in body

    assert wait_for(sweeping, seconds=30, what="a heartbeat")


def test_a_page_may_run_only_what_this_server_sent(hospital: Served) -> None:
    answer, _ = get(hospital, "/login/")
    policy = answer.headers["Content-Security-Policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert "unsafe" not in policy
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["connect-src"] == f"'self' ws://{hospital.url.removeprefix('http://')}"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_request_for_another_host_name_is_refused(hospital: Served) -> None:
    assert get(hospital, "/login/", Host="evil.example")[0].status == 400


def test_static_files_are_served_compressed_and_for_ever(hospital: Served) -> None:
    _, page = get(hospital, "/login/")
    path = page.split('href="/static/css/')[1].split('"')[0]
    answer, _ = get(hospital, f"/static/css/{path}")
    assert answer.status == 200
    assert "immutable" in answer.headers["Cache-Control"]


def test_an_address_that_does_not_exist_is_a_problem_for_programs_and_a_page_for_people(hospital: Served) -> None:
    answer, body = get(hospital, "/api/nothing/")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert '"code": "not-found"' in body
    answer, body = get(hospital, "/nothing/")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


async def open_socket(served: Served, origin: str | None) -> int:
    """The HTTP status of a refused handshake; 101 when it was let in."""
    url = f"ws://{served.http[0]}:{served.http[1]}/ws/worklist/"
    try:
        async with websockets.connect(url, origin=origin):  # type: ignore[arg-type]
            return 101
    except websockets.InvalidStatus as refusal:
        return refusal.response.status_code


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://{}", "http://127.0.0.1", "http://localhost:1", None]
)
async def test_a_websocket_from_another_origin_is_refused(hospital: Served, origin: str | None) -> None:
    own = f"{hospital.http[0]}:{hospital.http[1]}"
    assert await open_socket(hospital, origin and origin.format(own)) == 403


async def test_a_websocket_from_our_own_page_is_let_in(hospital: Served) -> None:
    assert await open_socket(hospital, hospital.url) == 101


def test_what_people_type_into_addresses_and_bodies_is_not_logged(hospital: Served) -> None:
    get(hospital, f"/login/?next={CANARY}")
    hospital.api("scheduler", "/api/patients/search/", {"text": CANARY})
    hospital.api("scheduler", f"/api/orders/?page={CANARY}")
    wait_for(lambda: "/api/orders/" in hospital.log(), seconds=20, what="the request's line")
    assert CANARY not in hospital.log()


def test_a_fact_reaches_its_subscribers_at_once(hospital: Served) -> None:
    """Relay, bell, broker and worker, all in one process."""
    site = hospital.api("scheduler", "/api/sites/")[1]["results"][0]["id"]
    person = {"identifiers": [{"value": "ZZ1", "authority": "TEST"}], "family_name": "ZZTEST", "given_name": "Bell"}
    status, patient = hospital.api("scheduler", "/api/patients/", person)
    assert status == 201, patient
    code = hospital.api("scheduler", "/api/procedures/?modality=CT")[1]["results"][0]["code"]
    order = {"site": site, "patient": patient["id"], "procedures": [{"code": code}]}
    status, order = hospital.api("scheduler", "/api/orders/", order)
    assert status == 201, order
    step = order["procedures"][0]["steps"][0]["id"]
    for verb in ("arrive", "start", "complete"):
        status, answer = hospital.api("tech", f"/api/steps/{step}/{verb}/", {})
        assert status == 200, answer

    def is_on_the_list() -> bool:
        _, rows = hospital.api("lead", "/api/worklist/?list=all")
        return any(row["accession"] == order["accession"] for row in rows["results"])

    wait_for(is_on_the_list, seconds=20, what="the case is on the reading list")


def test_ctrl_c_ends_all_of_it_cleanly_though_clients_are_connected(hospitals: Hospitals) -> None:
    served = hospitals.start()
    idle = [socket.create_connection(where) for where in (served.http, served.mllp, served.dicom)]
    began = time.monotonic()
    assert served.processes[0].end(signal.SIGINT) == 0
    assert time.monotonic() - began < 10
    assert served.processes[0].said().rstrip().endswith("Stopped.")
    for connection in idle:
        connection.close()
    served.start()  # on the same ports, at once
    served.kill()
    served.start()
    assert get(served, "/healthz")[0].status == 200
    served.kill()


def test_a_taken_port_stops_the_start_by_name(hospitals: Hospitals) -> None:
    with taken() as port:
        served = hospitals.make(RIS_DICOM=f"127.0.0.1:{port}")
        done = ris(served.env, "serve", "all")
    assert done.returncode == 1
    assert f"RIS_DICOM: 127.0.0.1:{port} is taken by another program." in done.stderr
    assert "Cure: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_role_alone_without_redis_is_refused(data: Path) -> None:
    done = ris(environment(data), "serve", "web")
    assert done.returncode == 1
    assert "REDIS_URL" in done.stderr


def test_manage_py_is_reachable_as_bin_ris() -> None:
    env = dict(os.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([ROOT / "bin/ris", "--version"], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("5.2")
