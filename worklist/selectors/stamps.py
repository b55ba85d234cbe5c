"""The words under which what is made of the readers and of the roster can be kept."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection

from ris.kernel.db.prepared import fetch
from worklist.change_stamps import READERS, ROSTER

_STAMPS = """
SELECT (SELECT value FROM worklist_stamp WHERE name = %s), (SELECT value FROM worklist_stamp WHERE name = %s)
"""


class Stamps(NamedTuple):
    """Keys for caches: the database, and a word each that every change of those tables changes."""

    database: str
    readers: str | None
    roster: str | None


def stamps() -> Stamps:
    """As the database has them now. Read them before what is to be kept under them."""
    ((readers, roster),) = fetch(_STAMPS, [READERS, ROSTER])
    return stamps_of(readers, roster)


def stamps_of(readers: str | None, roster: str | None) -> Stamps:
    """The same, of words that were read along with something else."""
    return Stamps(str(connection.settings_dict["NAME"]), readers, roster)
