"""The statement that chooses the next case and claims it, for both databases.

It looks at the heads of the lanes that the reader may read from (a few index probes, whatever the number of
open items), takes the best by score at this moment, and claims it under the guard that it still waits.
A second one tells what else stood there, and what ruled it out: for whoever asks later why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from ris.kernel.db.prepared import fetch

from . import postgresql, sqlite
from .probes import Probe

HEADS_SHOWN = 3
"""Of each lane, among which those are that are shown to whoever asks why."""


def claim_best(probes: Sequence[Probe], values: dict[str, Any], *, deep: int) -> int | None:
    """Claim the best item that the probes find and the filters in ``values`` let pass; its id, or None.

    None too when the reader holds ``most_claims`` already. Cases that have spilled to everybody are looked at
    whatever the probes. ``deep``: how many heads of each lane.
    """
    if not values["sites"]:
        return None
    rows = fetch(*_dialect().claim_text(probes, values, deep))
    return rows[0][0] if rows else None


def looked_at(probes: Sequence[Probe], values: dict[str, Any], *, most: int) -> list[tuple[int, float, str]]:
    """(item, score, what rules it out): the best that still stand in the lanes that :func:`claim_best` looks at."""
    return fetch(*_dialect().rest_text(probes, values, HEADS_SHOWN, most))


def _dialect() -> Any:
    return postgresql if connection.vendor == "postgresql" else sqlite
