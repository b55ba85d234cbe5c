"""What keeps the case of a completed exam from being opened, asked of whoever registered: such as an algorithm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Hold = Callable[[int, datetime], bool]
_holds: list[Hold] = []


def register_hold(hold: Hold) -> None:
    """Have ``hold`` asked, by the id of a procedure and the moment, before its case is opened. Called at the start.

    Who holds a case calls ``open_if_readable`` once it is to be opened.
    """
    if hold not in _holds:
        _holds.append(hold)


def is_kept_back(procedure_id: int, at: datetime) -> bool:
    """Whether anybody keeps the case from being opened."""
    return any(hold(procedure_id, at) for hold in _holds)
