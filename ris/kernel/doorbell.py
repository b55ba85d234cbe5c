"""Doorbells: "there may be work". Rung after commit, may be lost, never carry the work itself.

The front door decides what a bell does (wake a Celery task, tell the screens); a
layer that rings does not know. A ringer that fails is logged and forgotten: the
sweep finds the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)

Ringer = Callable[[], None]
_ringers: dict[str, list[Ringer]] = defaultdict(list)

RELAY = "relay"
"""Deliveries are owed to subscribers."""


def answer(bell: str, ringer: Ringer) -> None:
    """Have ``ringer`` called whenever ``bell`` is rung."""
    _ringers[bell].append(ringer)


def ring(bell: str) -> None:
    """Ring ``bell`` once the present transaction has committed (at once, outside of one)."""
    # robust: what was committed stands, so a ringer's failure must not look like one of the transaction
    transaction.on_commit(lambda: _ring_now(bell), robust=True)


def _ring_now(bell: str) -> None:
    for ringer in _ringers[bell]:
        try:
            ringer()
        except Exception as error:  # whatever is down, the rows are there and the sweep comes
            log.warning("doorbell.unheard", bell=bell, error=type(error).__name__)
