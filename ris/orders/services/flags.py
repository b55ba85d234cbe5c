"""Flags of an order: what a person should look at, in words that the pages and the worklist know."""

from __future__ import annotations

from django.db.models import F

from ..models import Order

UNKNOWN_PROCEDURE = "unknown procedure"
UNKNOWN_STATION = "unknown station"
UNKNOWN_MODALITY = "unknown modality"
GUESSED_MODALITY = "modality read from the text"
PERFORMED_THOUGH_CANCELLED = "performed though cancelled"
CHANGED_TOO_LATE = "changed after the exam began"
REPORTED_THEN_UNLINKED = "reported, then unlinked"
PERFORMED_UNDER_OTHER_STUDY = "performed under another study"
GROWN_AFTER_READING = "images came after reading began"
EXAM_RESUMED = "exam resumed after reading began"
OVERLAPPING = "booked while the device is taken"
WITHDRAWN_IMAGES = "images withdrawn"


def add_flag(order: Order, flag: str) -> None:
    """Note on the order something that a person should look at, once. Call inside a transaction.

    The flags are read again under a lock on the row: a second writer that noted another flag meanwhile
    would lose it otherwise. ``order`` then has what the database has, its version grown by one.
    """
    flags = _lock_flags(order)
    if flag not in flags:
        _write_flags(order, [*flags, flag])


def remove_flags(order: Order, *flags: str) -> None:
    """Take flags off that were seen to; others stay. Call inside a transaction."""
    current = _lock_flags(order)
    left = [flag for flag in current if flag not in flags]
    if left != current:
        _write_flags(order, left)


def _lock_flags(order: Order) -> list[str]:
    # order_by() drops the default ordering; the lock is on this one row only.
    locked = Order.objects.select_for_update(of=("self",)).filter(pk=order.pk)
    return list(locked.values_list("flags", flat=True).get())


def _write_flags(order: Order, flags: list[str]) -> None:
    Order.objects.filter(pk=order.pk).update(flags=flags, version=F("version") + 1)
    order.refresh_from_db(fields=["flags", "version"])
