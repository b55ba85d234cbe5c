"""Notices of the bell: what happened to a reader's case while they looked elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ris.people.models import User
from worklist.models import Notice


def notify(reader: User, kind: str, item_ids: Iterable[int], *, by: User | None, at: datetime) -> None:
    """Write a notice of each case for a reader; once for the same kind, case and moment. Idempotent."""
    for item_id in item_ids:
        Notice.objects.get_or_create(reader=reader, kind=kind, item_id=item_id, at=at, defaults={"by": by})


def see_notices(reader: User, *, at: datetime) -> int:
    """The reader has seen what the bell shows; how many notices that were."""
    return Notice.objects.filter(reader=reader, seen_at__isnull=True).update(seen_at=at)
