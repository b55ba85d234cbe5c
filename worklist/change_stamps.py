"""Which tables the worklist keeps things in memory of, and under which stamp (``ris.kernel.db.change_stamps``)."""

from __future__ import annotations

from typing import Any

from django.db import connections

from ris.kernel.db.change_stamps import Tables, keep_stamped

READERS, ROSTER = "readers", "roster"

STAMPS: dict[str, Tables] = {
    READERS: {
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
    """After every migrate."""
    keep_stamped(connections[using], "worklist_stamp", STAMPS)
