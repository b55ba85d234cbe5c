"""Who acts, and the one path by which anything they do is audited, change and access alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import transaction
from django.db.models import Model

from ris.kernel.db.statements import insert_all
from ris.kernel.db.transactions import defer, open_batch
from ris.kernel.values import check_reason

from .models import AuditEvent

if TYPE_CHECKING:
    from ris.people.models import User


BREAK_GLASS = "BTG"
"""Purpose of use of what is done under an emergency access (HL7 v3 ActReason)."""


@dataclass(frozen=True, slots=True)
class Actor:
    """``name`` is a user name, a peer's name or a job's; ``source`` a network address or a part of the system.

    ``purpose``: a code of HL7 PurposeOfUse where it is not the usual work of the role, such as BTG (break the glass);
    ``acting_for_id``: the user on whose behalf they act. ``emergencies``: (patient, emergency access) for each that
    runs: what is done with these patients is done under it. ``client``: the app that asks on the user's behalf.
    """

    name: str
    user_id: int | None = None
    source: str = ""
    purpose: str = ""
    acting_for_id: int | None = None
    emergencies: tuple[tuple[int, int], ...] = ()
    client: str = ""

    @classmethod
    def of_user(cls, user: User, source: str = "") -> Self:
        """The actor of a signed-in user, for whomever they act; ``source`` is their address."""
        acting_for_id = user.acting.user.pk if user.acting is not None else None
        client = user.limits.client if user.limits is not None else ""
        return cls(user.get_username(), user.pk, source, acting_for_id=acting_for_id, client=client)

    @classmethod
    def job(cls, name: str) -> Self:
        """A part of the system that acts by itself, such as the sweep."""
        return cls(name, None, "system")

    @classmethod
    def peer(cls, name: str, address: str = "") -> Self:
        """Another system, such as the EMR or a scanner."""
        return cls(name, None, address)


_collected: ContextVar[list[AuditEvent] | None] = ContextVar("collected", default=None)


@contextmanager
def collect_events() -> Iterator[list[AuditEvent]]:
    """Give the events that the code inside the block records, and none of anybody else.

    An event whose savepoint was rolled back is in the list too; it has no row in the database.
    """
    events: list[AuditEvent] = []
    token = _collected.set(events)
    try:
        yield events
    finally:
        _collected.reset(token)


def record(
    actor: Actor,
    action: str,
    subject: Model,
    *,
    patient_id: int | None = None,
    reason: str = "",
    at: datetime,
    **detail: Any,
) -> AuditEvent:
    """Append who did ``action`` (``report.sign``, ``patient.view``) to ``subject``.

    Written in the caller's transaction, so it stands exactly when the change stands; together with other
    work, at the end of that. ``detail`` takes ids, states and counts: no names and no report text.
    Raises Invalid for a reason that is too long.
    """
    check_reason(reason)
    access = dict(actor.emergencies).get(patient_id) if patient_id else None
    if access is not None:
        detail["emergency_access"] = access
    if actor.client:
        detail["client"] = actor.client
    event = AuditEvent(
        at=at,
        user_id=actor.user_id,
        actor=actor.name,
        source=actor.source,
        action=action,
        subject=subject._meta.object_name or "",
        subject_id=str(subject.pk),
        patient_id=patient_id,
        reason=reason,
        purpose=actor.purpose or (BREAK_GLASS if access is not None else ""),
        acting_for_id=actor.acting_for_id,
        detail=detail,
    )
    collected = _collected.get()
    if collected is not None:
        collected.append(event)
    defer(_append, event)
    return event


def record_shown(actor: Actor, action: str, rows: Iterable[tuple[Model, int | None]], *, at: datetime) -> None:
    """One event for each row of a list that was shown (the row, its patient's id), all by one statement."""
    with transaction.atomic(), open_batch():
        for row, patient_id in rows:
            record(actor, action, row, patient_id=patient_id, at=at)


def _append(events: list[AuditEvent]) -> None:
    insert_all(events)
