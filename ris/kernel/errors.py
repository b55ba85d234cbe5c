"""Refusals: the one family of errors that a caller can cure. And the one error of the system that people must cure.

Services raise them; every edge translates them once (HTTP: RFC 9457 problem
details; HL7: ERR-2/3/4/8; DIMSE: status and Error Comment).
"""

from __future__ import annotations

import errno
import sqlite3


class Refusal(Exception):
    """A request that is declined.

    ``detail`` is a sentence for the person who asked; ``at`` names the field that is wrong,
    in the words of whoever sent it (``OBR-18``, ``priority``, ``(0008,0050)``); ``code`` is a
    stable short name for programs. None of them may carry patient data.
    """

    code = "refused"

    def __init__(self, detail: str, *, at: str = "", code: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.at = at
        self.code = code or type(self).code

    def __str__(self) -> str:
        return f"{self.at}: {self.detail}" if self.at else self.detail


class Invalid(Refusal):
    """What was sent cannot be right, whoever sends it and whenever."""

    code = "invalid"


class NotFound(Refusal):
    """The thing does not exist, or the caller may not know that it does."""

    code = "not-found"


class Conflict(Refusal):
    """Right in itself, but the thing is not (or no longer) in a state that allows it."""

    code = "conflict"


class Forbidden(Refusal):
    """The caller may see the thing but not do this to it."""

    code = "forbidden"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that a disk is full: SQLite's, PostgreSQL's or the system's own."""
    while error is not None:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
            return True
        if getattr(error, "sqlstate", None) == "53100":  # disk_full
            return True
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
