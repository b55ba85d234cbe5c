"""The ladder of critical findings: who ordered, their deputy, the service, the supervisor; then the limit is over.

Each rung is climbed once, at its moment. A rung on which nobody can be reached is passed at once, but for the last.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.alarms import raise_alarm
from ris.orders.models import Order

from ..models import CriticalContact, CriticalFinding, CriticalMessage
from . import states
from .limits import LIMIT, PERSON, RUNG_NAMES, rung_moment
from .services import TELL, UNACKNOWLEDGED, subject_of

LADDER = Actor.job("critical findings")
LINK_OUTLIVES_LIMIT = timedelta(days=1)
"""Who comes late may still acknowledge; after that they log in, or call."""


def climb_critical_rungs(at: datetime, *, limit: int = 200) -> int:
    """Take every open finding to the rungs it has reached; how many steps. Any number may do it at once.

    After a stop the rungs that were missed are climbed one by one, each with the moment at which it was reached.
    """
    due = CriticalFinding.objects.filter(state=states.OPEN, next_rung_at__lte=at).order_by("next_rung_at")
    steps = 0
    for loop in due.select_related("report__item__site", "report__procedure__order")[:limit]:
        while loop.next_rung_at is not None and loop.next_rung_at <= at and _climb(loop):
            steps += 1
    return steps


@transaction.atomic
def _climb(loop: CriticalFinding) -> bool:
    """One step; False when somebody else took it, or the loop was closed."""
    rung, reached = loop.rung + 1, loop.next_rung_at
    assert reached is not None
    following = rung_moment(loop.marked_at, loop.limit_minutes, rung + 1)
    here = CriticalFinding.objects.filter(pk=loop.pk, state=states.OPEN, rung=loop.rung, next_rung_at=reached)
    if not here.update(rung=rung, next_rung_at=following):
        return False
    loop.rung, loop.next_rung_at = rung, following
    if rung == LIMIT:
        detail = f"{loop.level}, marked {loop.marked_at:%Y-%m-%d %H:%M} UTC"
        raise_alarm(UNACKNOWLEDGED, subject_of(loop), detail=detail, at=reached)
    elif not owe_rung(loop, rung, at=reached):
        pass_rung(loop, at=reached)
    order = loop.report.procedure.order
    record(LADDER, "critical.escalate", loop, patient_id=order.patient_id, at=reached, rung=rung, what=RUNG_NAMES[rung])
    return True


def pass_rung(loop: CriticalFinding, *, at: datetime) -> None:
    """Climb the next rung at once, since nobody could be reached on this one. The limit itself comes when it comes."""
    if loop.rung + 1 >= LIMIT:
        return
    still = CriticalFinding.objects.filter(pk=loop.pk, state=states.OPEN, rung=loop.rung, next_rung_at__gt=at)
    if still.update(next_rung_at=at):
        loop.next_rung_at = at
        doorbell.ring(TELL)


def owe_rung(loop: CriticalFinding, rung: int, *, at: datetime) -> int:
    """Write down whom this rung is told to, in the caller's transaction; how many."""
    rows = [
        CriticalMessage(
            finding=loop, rung=rung, contact=contact, user_id=user_id, name=name, way=way, address=address,
            nonce=secrets.token_hex(16), expires_at=loop.due_at + LINK_OUTLIVES_LIMIT, due_at=at,
            state=CriticalMessage.SHOWN if way == CriticalContact.SCREEN else CriticalMessage.OWED,
        )
        for contact, user_id, name, way, address in _reached_on(loop, rung)
    ]  # fmt: skip
    CriticalMessage.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        doorbell.ring(TELL)
    return len(rows)


def _reached_on(loop: CriticalFinding, rung: int) -> Iterator[tuple[CriticalContact | None, int | None, str, str, str]]:
    order = loop.report.procedure.order
    if rung == PERSON and order.referrer is not None and order.referrer.is_active:
        person = order.referrer
        yield None, person.pk, person.display_name, CriticalContact.SCREEN, ""
        if person.email:
            yield None, person.pk, person.display_name, CriticalContact.EMAIL, person.email
    for contact in contacts_of(order, rung):
        user = contact.user
        if user is not None and not user.is_active:
            continue
        address = contact.address or (user.email if user and contact.way == CriticalContact.EMAIL else "")
        if address or contact.way == CriticalContact.SCREEN:
            name = contact.name or (user.display_name if user else address)
            yield contact, contact.user_id, name, contact.way, address


def contacts_of(order: Order, rung: int) -> list[CriticalContact]:
    """The contacts of a rung for an order: those for its practitioner, or where there are none, those for everybody."""
    here = Q(site=order.site_id) | Q(site=None)
    rows = CriticalContact.objects.filter(here, rung=rung, active=True).select_related("user").order_by("pk")
    own = [row for row in rows if row.practitioner_id and row.practitioner_id == order.practitioner_id]
    return own or [row for row in rows if row.practitioner_id is None]


def critical_moments_ahead(at: datetime, within: timedelta) -> list[datetime]:
    """The whole seconds, within a time, at which a rung is reached; in order."""
    rows = CriticalFinding.objects.filter(state=states.OPEN, next_rung_at__gt=at, next_rung_at__lte=at + within)
    second = timedelta(seconds=1)
    moments = rows.values_list("next_rung_at", flat=True)[:200]
    return sorted({moment.replace(microsecond=0) + second for moment in moments if moment is not None})
