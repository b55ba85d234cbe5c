"""Values that no translation table knows are kept, so that a person can map them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, Q, QuerySet

from ..models import Peer, UnknownValue


def write_unknown_values(peer: Peer, values: Sequence[tuple[str, str, str]], *, at: datetime) -> None:
    """Count the values (table, value as sent, its name) that the peer sent and its tables do not know."""
    for table, given, text in values:
        given = given[:199].upper()
        rows = UnknownValue.objects.filter(peer=peer, table=table, given=given)
        if not rows.update(times=F("times") + 1, last_at=at):
            row = UnknownValue(peer=peer, table=table, given=given, text=text[:199], first_at=at, last_at=at)
            UnknownValue.objects.bulk_create([row], ignore_conflicts=True)


def unknown_values_of(peer: Peer) -> QuerySet[UnknownValue]:
    """Return what the peer sent that nobody has mapped, the most frequent first."""
    return UnknownValue.objects.filter(peer=peer).order_by("-times", "table", "given")


def drop_unknown_value(peer_id: int | None, table: str, given: str) -> None:
    """Take a value off the list, since it is mapped now (``peer_id`` None: for all peers)."""
    whose = Q() if peer_id is None else Q(peer=peer_id)
    UnknownValue.objects.filter(whose, table=table, given=given.upper()).delete()
