"""Values that no table knows are noted as they are met, so that a person can map them."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from ..inbound.context import Incoming
from ..models import Peer, UnknownValue


def note_unknown(incoming: Incoming, table: str, given: str, text: str = "") -> None:
    """Note that the peer sent a value of which its tables say nothing. Costs nothing where they do."""
    given = given[:199].upper()
    row = UnknownValue.objects.filter(peer=incoming.peer, table=table, given=given)
    if not row.update(times=F("times") + 1, last_at=incoming.at):
        fresh = UnknownValue(
            peer=incoming.peer, table=table, given=given, text=text[:199], first_at=incoming.at, last_at=incoming.at
        )
        UnknownValue.objects.bulk_create([fresh], ignore_conflicts=True)


def unknown_of(peer: Peer) -> QuerySet[UnknownValue]:
    """What the peer sent that nobody has mapped, the most frequent first."""
    return UnknownValue.objects.filter(peer=peer).order_by("-times", "table", "given")


def forget_unknown(peer_id: int | None, table: str, given: str) -> None:
    """It is mapped now (None: for all peers)."""
    whose = Q() if peer_id is None else Q(peer=peer_id)
    UnknownValue.objects.filter(whose, table=table, given=given.upper()).delete()
