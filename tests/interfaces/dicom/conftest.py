from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interfaces.dicom.server import serve
from interfaces.dicom.upper_layer import admission


@pytest.fixture
def dicom(transactional_db: None) -> Iterator[int]:
    """A running DICOM role; its port."""
    yield from running()


def running(**options: object) -> Iterator[int]:
    admission.clear_cache()
    stop, listening, ports = threading.Event(), threading.Event(), []

    def on_listening(port: int) -> None:
        ports.append(port)
        listening.set()

    thread = threading.Thread(
        target=serve, args=("127.0.0.1", 0, "RIS", stop), kwargs={"on_listening": on_listening, **options}
    )
    thread.start()
    try:
        assert listening.wait(10), "the DICOM role did not begin to listen"
        yield ports[0]
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], object]:
    """Wait up to ten seconds for a question to be answered with something true."""

    def wait(question: Callable[[], object]) -> object:
        deadline = threading.Event()
        for _ in range(200):
            found = question()
            if found:
                return found
            deadline.wait(0.05)
        return question()

    return wait


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1 and its key, PEM."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    made += " -addext subjectAltName=IP:127.0.0.1"
    command = f"openssl {made} -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return cert, key
