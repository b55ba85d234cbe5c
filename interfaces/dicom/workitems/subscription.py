"""Who hears of which workitem (PS3.18 11.8 to 11.11), and what they are told: rows that their websocket reads."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from ris.access.visibility import open_rows
from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Forbidden, Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for

from ..models import Workitem, WorkitemEvent, WorkitemSubscription
from .dataset import PUSH, READINESS, STATE, Json, attribute, matches, path_of, text_at

WORKITEMS = "ups-events"
"""Doorbell: an AE is to be told of a workitem."""
GLOBAL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
"""Well-known UIDs of the worklist as a whole, and of a filtered one (PS3.4 CC.2.3)."""
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT = 1, 2, 3
KEPT_FOR = timedelta(days=1)
SEEN_BY = Can.SEE_WORKLIST


@transaction.atomic
def subscribe_ae(
    uid: str, aet: str, *, user: User, filters: dict[str, str], deletion_lock: bool, actor: Actor, at: datetime
) -> None:
    """Have the AE told of a workitem, or of all that fit; the present state of a workitem is told at once.

    An AE title belongs to the user who used it first. Raises NotFound, Forbidden, Invalid.
    """
    if not 0 < len(aet) <= 16 or not aet.isascii() or not aet.isprintable():
        raise Invalid("An AE title has up to 16 characters.", at="aet")
    require_ae(aet, user)
    if uid == FILTERED and not filters:
        raise Invalid("A filtered subscription needs a filter.", at="filter")
    for key in filters:
        path_of(key)
    item = None if uid in (GLOBAL, FILTERED) else item_for(user, uid)
    said = {"user": user, "filters": filters, "deletion_lock": deletion_lock, "suspended": False}
    row, _ = WorkitemSubscription.objects.update_or_create(aet=aet, workitem=item, defaults=said)
    record(actor, "workitem.subscribe", row, at=at, aet=aet, uid=uid)
    if item is not None:
        _tell({aet}, item, STATE_REPORT, state_of(item), at)


def require_ae(aet: str, user: User) -> None:
    """Raise Forbidden for an AE title that another user subscribed with."""
    if WorkitemSubscription.objects.filter(aet=aet).exclude(user=user).exists():
        raise Forbidden("This AE title is another user's.", code="aet")


@transaction.atomic
def unsubscribe_ae(uid: str, aet: str, *, user: User, actor: Actor, at: datetime) -> None:
    """Tell the AE no more: of one workitem, or of any (global). Raises NotFound."""
    rows = WorkitemSubscription.objects.filter(aet=aet, user=user)
    if uid not in (GLOBAL, FILTERED):
        rows = rows.filter(workitem__uid=uid)
    row = rows.first()
    if row is None:
        raise NotFound("This AE is not subscribed.", at="aet")
    record(actor, "workitem.unsubscribe", row, at=at, aet=aet, uid=uid)
    rows.delete()


@transaction.atomic
def suspend_ae(aet: str, *, user: User, actor: Actor, at: datetime) -> None:
    """Tell the AE of no further new workitems; those that it hears of by themselves go on. Raises NotFound."""
    rows = WorkitemSubscription.objects.filter(aet=aet, user=user, workitem=None)
    row = rows.first()
    if row is None:
        raise NotFound("This AE has no subscription of the whole worklist.", at="aet")
    rows.update(suspended=True)
    record(actor, "workitem.suspend", row, at=at, aet=aet)


def workitems_for(user: User) -> QuerySet[Workitem]:
    """Workitems at the user's sites, but those of patients who are closed to them."""
    rows = Workitem.objects.filter(site__in=site_ids_for(user, SEEN_BY))
    return open_rows(rows, user, patient="procedure__order__patient")


def item_for(user: User, uid: str) -> Workitem:
    """A workitem at one of the user's sites. Raises NotFound."""
    item = workitems_for(user).select_related("procedure__order").filter(uid=uid).first()
    if item is None:
        raise NotFound("There is no such workitem.", at="uid")
    return item


def state_of(item: Workitem) -> Json:
    """What a state report says."""
    return {
        STATE: attribute("CS", item.state),
        READINESS: attribute("CS", text_at(item.dataset, READINESS)),
    }


def tell_subscribers(item: Workitem, event_type: int, body: Json, *, at: datetime, is_new: bool = False) -> None:
    """Write down, in the caller's transaction, what each AE that subscribed is told. Nothing of the patient.

    ``is_new``: the whole worklist's subscribers hear of it from now on, unless they were suspended.
    """
    rows = WorkitemSubscription.objects.filter(Q(workitem=item) | Q(workitem=None)).select_related("user")
    heard = set()
    for row in rows:
        if not row.user.is_active or not workitems_for(row.user).filter(pk=item.pk).exists():
            continue
        if row.workitem_id is None and ((row.suspended and is_new) or not _fits(item, row.filters)):
            continue
        heard.add(row.aet)
    _tell(heard, item, event_type, body, at)


def _fits(item: Workitem, filters: dict[str, str]) -> bool:
    return all(matches(item.dataset | state_of(item), path_of(key), value) for key, value in filters.items())


def _tell(aets: set[str], item: Workitem, event_type: int, body: Json, at: datetime) -> None:
    if not aets:
        return
    lock_name(*(f"ups-events:{aet}" for aet in aets))  # so that ids of one AE grow in the order of commits
    for aet in sorted(aets):
        WorkitemEvent.objects.create(aet=aet, workitem=item, event_type=event_type, body=body, at=at)
    doorbell.ring(WORKITEMS)


def message_of(event: WorkitemEvent) -> Json:
    """An event as it is sent (PS3.18 11.13): the command's attributes and the report's, as one dataset."""
    return {
        "00000002": attribute("UI", PUSH),
        "00000110": attribute("US", event.pk % 65536),
        "00001000": attribute("UI", event.workitem.uid),
        "00001002": attribute("US", event.event_type),
        **event.body,
    }


def delete_old_events(*, at: datetime) -> None:
    """Forget what AEs were told a day ago."""
    WorkitemEvent.objects.filter(at__lt=at - KEPT_FOR).delete()
