"""The words under which what is made of the readers and of the roster can be kept in memory.

Each stands for some tables (``ris.kernel.db.change_stamps``): the database changes it with every change of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import connection, connections

from ris.kernel.db.change_stamps import Tables, keep_stamped
from ris.kernel.db.prepared import fetch

READERS, ROSTER = "readers", "roster"

STAMPS: dict[str, Tables] = {
    READERS: {
        # These columns only: every sign-in writes last_login, which is nobody's right to read.
        "people_user": ("is_active", "is_superuser"),
        "people_user_groups": (),
        "people_siteuserpermission": (),
        "people_sitegrouppermission": (),
        "auth_group": (),
        "catalog_site": (),
        "worklist_readerprofile": (),
        "worklist_skill": (),
        "worklist_privilege": (),
        "worklist_scorepolicy": (),
    },
    ROSTER: {
        "worklist_shift": (),
        "worklist_shift_sites": (),
        "worklist_shift_subspecialties": (),
        "worklist_shiftchange": (),
        "worklist_holiday": (),
    },
}


def stamp_tables(using: str, **kwargs: Any) -> None:
    """After every migrate: tables that it made anew have lost their triggers."""
    keep_stamped(connections[using], "worklist_stamp", STAMPS)


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
