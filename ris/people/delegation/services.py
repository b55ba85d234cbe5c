"""Delegations are given, revoked and used. See the package for what bounds them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.values import check_reason

from ..models import Acting, Delegation, User
from ..roles import Can
from ..selectors import permissions_of, sites_of

LONGEST = timedelta(days=30)
SESSION = "acting"
"""Key in a session: the id of the delegation under which its person acts."""


class Duty(StrEnum):
    """What one person may do for another."""

    LEAD = "lead the reading"
    RESULTS = "see results and see to critical findings"
    MESSAGES = "see messages"
    IDENTITY = "answer questions of identity"
    ORDERS = "place and change orders"


DUTIES: dict[Duty, frozenset[Can]] = {
    Duty.LEAD: frozenset({Can.LEAD_READING, Can.SEE_WORKLIST, Can.SEE_ORDERS}),
    Duty.RESULTS: frozenset({Can.SEE_REPORTS, Can.SEE_ORDERS}),
    Duty.MESSAGES: frozenset({Can.SEE_MESSAGES, Can.SEE_ORDERS}),
    Duty.IDENTITY: frozenset({Can.SEPARATE_PATIENTS, Can.SEE_ORDERS}),
    Duty.ORDERS: frozenset({Can.PLACE_ORDERS, Can.SEE_ORDERS}),
}
"""What each duty carries of the delegator's permissions. None reads, signs, retracts, sets up or sees the audit."""


def duties_of(user: User) -> list[Duty]:
    """Those that the person could give: whose permissions they have themselves."""
    return [duty for duty, cans in DUTIES.items() if cans <= permissions_of(user)]


@dataclass(frozen=True, slots=True)
class DelegationIntent:
    """What a delegation is to be. Moments are aware."""

    delegate_id: int
    duties: Collection[str]
    begins_at: datetime
    ends_at: datetime
    reason: str


def delegates_for(user: User) -> QuerySet[User]:
    """Whom the person may choose: who is active and works at one of their sites, by name."""
    sites = [site.pk for site in sites_of(user)]
    here = Q(siteuserpermission__content_object__in=sites, siteuserpermission__permission__codename="work_at")
    people = User.objects.filter(here, is_active=True).exclude(pk=user.pk)
    return people.distinct().order_by("last_name", "first_name", "username")


@transaction.atomic
def delegate(user: User, intent: DelegationIntent, *, actor: Actor, at: datetime) -> Delegation:
    """Let another act for ``user``; audited as ``people.delegate``.

    Raises Invalid for duties that the user lacks, for times that are over, in the wrong order or longer than
    :data:`LONGEST`, and without a reason; NotFound for somebody at no site of theirs; Conflict while they act for
    somebody themselves.
    """
    if user.acting is not None:
        raise Conflict("What you do for somebody else you cannot give on.")
    check_reason(intent.reason)
    if not intent.reason.strip():
        raise Invalid("Say why.", at="reason")
    names = {duty.value for duty in duties_of(user)}
    if not intent.duties or not set(intent.duties) <= names:
        raise Invalid("Choose duties that are yours.", at="duties")
    if not intent.begins_at < intent.ends_at or intent.ends_at <= at:
        raise Invalid("It must end after it begins, and not in the past.", at="ends_at")
    if intent.ends_at - intent.begins_at > LONGEST:
        raise Invalid(f"It lasts {LONGEST.days} days at most.", at="ends_at")
    chosen = delegates_for(user).filter(pk=intent.delegate_id).first()
    if chosen is None:
        raise NotFound("There is no such person at your sites.", at="delegate")
    row = Delegation.objects.create(
        delegator=user, delegate=chosen, duties=sorted(intent.duties), begins_at=intent.begins_at,
        ends_at=intent.ends_at, reason=intent.reason.strip(),
    )  # fmt: skip
    record(actor, "people.delegate", row, reason=row.reason, at=at, to=chosen.pk, duties=row.duties)
    return row


@transaction.atomic
def revoke_delegation(user: User, delegation_id: int, *, actor: Actor, at: datetime) -> Delegation:
    """End a delegation from the next request on; its delegator may, and its delegate; audited. Raises NotFound."""
    row = involving(user).filter(pk=delegation_id, revoked_at=None).first()
    if row is None:
        raise NotFound("You have no such delegation.")
    Delegation.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=at)
    record(actor, "people.delegation-revoke", row, at=at)
    return row


def involving(user: User) -> QuerySet[Delegation]:
    """Delegations that the person gave or had, the newest first."""
    rows = Delegation.objects.filter(Q(delegator=user) | Q(delegate=user))
    return rows.select_related("delegator", "delegate").order_by("-begins_at", "-pk")


def holding(user: User, *, at: datetime) -> QuerySet[Delegation]:
    """Delegations under which the person may act now."""
    return involving(user).filter(
        delegate=user, revoked_at=None, begins_at__lte=at, ends_at__gt=at, delegator__is_active=True
    )


def begin_acting(session: Any, user: User, delegation_id: int, *, actor: Actor, at: datetime) -> Delegation:
    """Have the session act for the delegator; audited as ``people.act-for``. Raises NotFound when it does not hold."""
    row = holding(user, at=at).filter(pk=delegation_id).first()
    if row is None:
        raise NotFound("This delegation is over, was revoked, or is not yours.")
    session[SESSION] = row.pk
    record(actor, "people.act-for", row, at=at, delegator=row.delegator_id)
    return row


def stop_acting(session: Any, user: User, *, actor: Actor, at: datetime) -> None:
    """Have the session be its person's own again; audited as ``people.act-stop``."""
    delegation_id = session.pop(SESSION, None)
    row = Delegation.objects.filter(pk=delegation_id).first()
    if row is not None:
        record(actor, "people.act-stop", row, at=at)


def acting_in(session: Any, user: User, *, at: datetime) -> Acting | None:
    """On whose behalf the session's person acts; None: their own. Forgets what holds no more."""
    row = holding(user, at=at).filter(pk=session[SESSION]).first()
    if row is None:
        del session[SESSION]
        return None
    cans = frozenset().union(*(DUTIES[Duty(name)] for name in row.duties if name in set(Duty)))
    return Acting(row.pk, row.delegator, cans, row.ends_at)
