"""Questions about the worklist, narrowed to what the viewer may see. They write nothing."""

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
