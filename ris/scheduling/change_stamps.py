"""The word under which what is made of opening hours, closures and blocks can be kept in memory."""

from __future__ import annotations

from typing import Any

from django.db import connection, connections

from ris.kernel.db.change_stamps import Tables, keep_stamped

from .models import Stamp

OPENINGS = "openings"
STAMPS: dict[str, Tables] = {
    OPENINGS: {
        "catalog_site": ("time_zone",),
        "scheduling_openinghours": (),
        "scheduling_closure": (),
        "scheduling_block": (),
        "scheduling_block_procedures": (),
    }
}


def stamp_tables(using: str, **kwargs: Any) -> None:
    """After every migrate: tables that it made anew have lost their triggers."""
    keep_stamped(connections[using], "scheduling_stamp", STAMPS)


def openings_stamp() -> tuple[str, str]:
    """A key for caches: the database, and a word that every change of those tables changes."""
    value = Stamp.objects.filter(name=OPENINGS).values_list("value", flat=True).first()
    return str(connection.settings_dict["NAME"]), value or ""
