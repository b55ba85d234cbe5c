"""Known vulnerabilities: found in what the index says, and never mistaken for none when it cannot be asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import ClassVar

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.once


class Index(BaseHTTPRequestHandler):
    """A package index that says what a test wants of one package."""

    says: ClassVar[object] = {}

    def do_GET(self) -> None:
        says = self.says if "django" in self.path or not isinstance(self.says, dict) else {"vulnerabilities": []}
        known = self.path.startswith(("/pypi/django/5.", "/pypi/httpx/0."))
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(says).encode() if known else b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def index() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def ask(index: str, says: object) -> tuple[str, str]:
    Index.says, out, err = says, StringIO(), StringIO()
    call_command("sbom", advisories=True, only=["django", "httpx"], index=index, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_what_the_index_knows_fails_the_check_with_its_cure(index: str) -> None:
    known = {"id": "PYSEC-2026-1", "fixed_in": ["5.2.99"], "withdrawn": None}
    with pytest.raises(CommandError, match="1 known"):
        ask(index, {"vulnerabilities": [known, {"id": "PYSEC-2020-1", "withdrawn": "2021-01-01"}]})
    assert ask(index, {"vulnerabilities": []})[0] == "2 pinned packages: no known vulnerability.\n"


def test_no_answer_is_said_so_and_fails_nothing(index: str) -> None:
    everything = {"vulnerabilities": []}
    for where, says in ((index, {}), (index, []), (f"{index}/mirror", everything), ("http://127.0.0.1:9", everything)):
        out, err = ask(where, says)
        assert out == "" and "NOT CHECKED" in err
