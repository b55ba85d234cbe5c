"""A FHIR client for tests: a token, and what the server answered as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from ris.people.models import User
from ris.people.services import issue_token
from tests.factories import NOON, TESTER

BASE = "/fhir/R4"
Json = dict[str, Any]


class Asking:
    """Asks as one user, by a bearer token."""

    def __init__(self, user: User) -> None:
        token = issue_token(user, label="test", actor=TESTER, at=NOON)
        self.client = Client(headers={"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"})

    def get(self, where: str, **headers: str) -> Any:
        """The answer itself."""
        return self.client.get(f"{BASE}/{where}", headers={name.replace("_", "-"): v for name, v in headers.items()})

    def read(self, where: str, status: int = 200, **headers: str) -> Json:
        """What was answered with that status."""
        answer = self.get(where, **headers)
        assert answer.status_code == status, answer.content
        assert answer["Content-Type"].startswith("application/fhir+json")
        found: Json = answer.json()
        return found

    def found(self, where: str, mode: str = "match", **headers: str) -> list[Json]:
        """The resources of a search's first page."""
        entries = self.read(where, **headers).get("entry", [])
        return [entry["resource"] for entry in entries if entry["search"]["mode"] == mode]

    def ids(self, where: str, **headers: str) -> list[int]:
        """Their ids."""
        return [int(resource["id"]) for resource in self.found(where, **headers)]

    def send(self, method: str, where: str, body: Any, **headers: str) -> Any:
        """The answer to a body in JSON."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        call = getattr(self.client, method)
        return call(f"{BASE}/{where}", text, content_type="application/fhir+json", headers=said)


def issues(answer: Any) -> list[tuple[str, list[str]]]:
    """(code, expressions) of the issues of an OperationOutcome."""
    body = answer if isinstance(answer, dict) else answer.json()
    assert body["resourceType"] == "OperationOutcome", body
    assert all(issue["diagnostics"] for issue in body["issue"])
    return [(issue["code"], issue.get("expression", [])) for issue in body["issue"]]
