"""Preview of a message: it is applied in a transaction that is always rolled back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from ris.audit.models import AuditEvent
from ris.audit.services import collect_events

from ..inbound import intake
from ..inbound.senders import find_peer
from ..models import InboundMessage


@dataclass(frozen=True, slots=True)
class Change:
    """One change as it would be audited: what, to which kind of thing, and the names of fields or ids."""

    action: str
    subject: str
    subject_id: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """The disposition a message would get, and what it would change."""

    state: str
    answer_code: str
    reason: str
    faults: list[list[str]]
    warnings: list[str]
    effects: list[list[Any]]
    changes: list[Change]
    answer: str


class _RollBack(Exception):
    """Ends the transaction of a preview."""


def preview_message(
    raw: bytes, *, address: str = "127.0.0.1", edit_of: InboundMessage | None = None, at: datetime
) -> Preview:
    """The disposition that ``raw`` would get if it came now (or replaced ``edit_of``). Changes nothing."""
    previews: list[Preview] = []
    try:
        with transaction.atomic(), collect_events() as recorded:
            row = store_copy(edit_of, raw, at) if edit_of else None
            pk = row.pk if row else intake.store_messages([_as_its_sender(raw, address, at)])[0]
            decided = intake.process_message(pk, at=at)
            # Events of a refused part have no row any more; the rows of other people's work are not asked for.
            events = AuditEvent.objects.filter(pk__in=[event.pk for event in recorded if event.pk]).order_by("pk")
            changes = [Change(e.action, e.subject, e.subject_id, e.detail) for e in events]
            previews.append(_preview_of(decided, changes))
            # The only way out: whatever was decided, nothing of it is committed.
            raise _RollBack
    except _RollBack:
        return previews[0]


def _as_its_sender(raw: bytes, address: str, at: datetime) -> intake.Arrival:
    """The message as if its sender had sent it, with the certificate that it must show."""
    arrival = intake.Arrival(raw, address, at)
    peer = find_peer(*arrival.header.sender)
    # A person who previews has no client certificate; the peer's own would otherwise be missed.
    return replace(arrival, certificate=peer.certificate if peer else "")


def store_copy(original: InboundMessage, raw: bytes, at: datetime) -> InboundMessage:
    """A stored copy of a message with other bytes, to be decided in its stead."""
    (pk,) = intake.store_messages([intake.Arrival(raw, original.address, at)])
    InboundMessage.objects.filter(pk=pk).update(edit_of=original)
    return InboundMessage.objects.get(pk=pk)


def _preview_of(row: InboundMessage, changes: list[Change]) -> Preview:
    return Preview(
        state=row.state,
        answer_code=row.answer_code,
        reason=row.reason,
        faults=[list(map(str, fault)) for fault in row.faults],
        warnings=list(row.warnings),
        effects=[list(effect) for effect in row.effects],
        changes=changes,
        answer=bytes(row.answer or b"").decode("utf-8", "backslashreplace"),
    )
