from __future__ import annotations

import signal
import threading
import time

import pytest

from ris.config_values import Address, Misconfigured
from ris.serving.roles import check_port, listen
from ris.serving.supervisor import Say, Supervisor
from tests.serving import taken


class Quiet:
    """Runs until it is told to stop."""

    def __init__(self, name: str) -> None:
        self.name, self.stopped = name, False

    def prepare(self) -> None:
        pass

    def run(self, stop: threading.Event, ready: Say) -> None:
        ready("here")
        stop.wait(10)
        self.stopped = True


class Dying(Quiet):
    def run(self, stop: threading.Event, ready: Say) -> None:
        ready("here")
        raise LookupError("ZZCANARY")


class Missing(Quiet):
    def run(self, stop: threading.Event, ready: Say) -> None:
        raise ModuleNotFoundError("No module named 'zzbroker.redis'", name="zzbroker.redis")


class Leaving(Quiet):
    def run(self, stop: threading.Event, ready: Say) -> None:
        ready("here")


class Refusing(Quiet):
    def prepare(self) -> None:
        raise Misconfigured("RIS_HTTP", "no.", "yes.")


def test_a_role_that_dies_stops_the_others_and_is_named() -> None:
    said: list[str] = []
    other = Quiet("web")
    assert Supervisor([other, Dying("hl7")], said.append).serve() == 1
    assert other.stopped
    assert "hl7 died (LookupError)" in said[-1]
    assert "ZZCANARY" not in "".join(said)


def test_a_role_that_dies_of_a_missing_module_says_which_and_the_cure() -> None:
    said: list[str] = []
    assert Supervisor([Missing("worker")], said.append).serve() == 1
    assert said[-1].startswith("worker died (the module “zzbroker.redis” is not installed. Cure: ")
    assert "requirements.txt" in said[-1]


def test_a_role_that_ends_by_itself_counts_as_dead() -> None:
    assert Supervisor([Quiet("web"), Leaving("beat")], lambda line: None).serve() == 1


def test_a_signal_stops_all_and_is_no_failure() -> None:
    roles = [Quiet("web"), Quiet("beat")]
    threading.Timer(0.2, signal.raise_signal, [signal.SIGTERM]).start()
    began = time.monotonic()
    assert Supervisor(roles, lambda line: None).serve() == 0
    assert all(role.stopped for role in roles)
    assert time.monotonic() - began < 5


def test_nothing_starts_when_one_role_knows_that_it_cannot() -> None:
    first = Quiet("web")
    said: list[str] = []
    with pytest.raises(Misconfigured):
        Supervisor([first, Refusing("hl7")], said.append).serve()
    assert said == []


def test_a_taken_port_is_refused_by_the_name_of_its_setting() -> None:
    with taken() as port, pytest.raises(Misconfigured, match=f"RIS_MLLP: 127.0.0.1:{port} is taken"):
        check_port("RIS_MLLP", Address("127.0.0.1", port))


def test_an_address_of_another_machine_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(Misconfigured, match="RIS_HTTP"):
        listen("RIS_HTTP", Address("192.0.2.1", 8000))
    with pytest.raises(Misconfigured, match="RIS_HTTP"):
        listen("RIS_HTTP", Address("no-such-host.invalid", 8000))
