"""Named questions about the worklist."""

from .linked_exams import held_along
from .lists import counts, item_for, reading_list, visible_items
from .readers import reader_now, readers_now
from .roster import on_shift, roster

__all__ = [
    "counts",
    "held_along",
    "item_for",
    "on_shift",
    "reader_now",
    "readers_now",
    "reading_list",
    "roster",
    "visible_items",
]
