"""Every refusal as an OperationOutcome: what is wrong, where, and the cure."""

from __future__ import annotations

from collections.abc import Iterable

from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal

from .datatypes import Json

STATUS: dict[type[Refusal], tuple[int, str]] = {
    Invalid: (400, "invalid"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "not-found"),
    Conflict: (409, "conflict"),
}
"""Refusal → HTTP status, and the code of the issue (value set issue-type)."""


class HttpRefusal(Refusal):
    """What HTTP itself refuses: no log-in, an unknown media type or method, a version that is not current."""

    def __init__(
        self, status: int, issue: str, detail: str, *, at: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail, at=at)
        self.status = status
        self.issue = issue
        self.headers = headers or {}


def status_of(refusal: Refusal) -> tuple[int, str]:
    """HTTP status and issue code of a refusal."""
    if isinstance(refusal, HttpRefusal):
        return refusal.status, refusal.issue
    status, issue = next((known for kind, known in STATUS.items() if isinstance(refusal, kind)), (400, "invalid"))
    return status, "duplicate" if refusal.code == "duplicate" else issue


def outcome(*issues: Json) -> Json:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def issue(severity: str, code: str, text: str, at: str = "") -> Json:
    """One issue; ``at`` is the FHIRPath of the element, or the name of the search parameter."""
    made: Json = {"severity": severity, "code": code, "diagnostics": text}
    return made | {"expression": [at]} if at else made


def outcome_of(refusal: Refusal) -> Json:
    """The OperationOutcome of a refusal."""
    return outcome(issue("error", status_of(refusal)[1], refusal.detail, refusal.at))


def warn_ignored(names: Iterable[str]) -> Json | None:
    """A warning about search parameters that were passed over; None where there are none."""
    issues = [
        issue("warning", "not-supported", f"The parameter {name} is not supported here and was ignored.", name)
        for name in names
    ]
    return outcome(*issues) if issues else None
