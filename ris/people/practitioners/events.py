"""What happens to entries of the address book. ``stream`` is ``practitioner:<id>``."""

from __future__ import annotations

from dataclasses import dataclass

from ris.kernel.events import Event


@dataclass(frozen=True, kw_only=True)
class PractitionerLinked(Event):
    """An entry has another account, or none, from now on; ``former_id``: the entry that was merged into it, or 0.

    The orders of both follow in the same transaction.
    """

    practitioner_id: int
    former_id: int = 0
