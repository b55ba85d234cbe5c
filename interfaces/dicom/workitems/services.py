"""What may be done to a workitem: create, update, change its state, ask for its end (PS3.18 11.4 to 11.7, 11.12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from ris.access.visibility import open_rows
from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.kernel.states import Step
from ris.orders.models import RequestedProcedure
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from .. import states
from ..models import AiAlgorithm, Workitem
from .dataset import (
    CANCELED_AT,
    PERFORMED,
    PERFORMED_END,
    PERFORMED_START,
    PROGRESS,
    READINESS,
    REASON,
    SOP_CLASS,
    STATE,
    TRANSACTION_UID,
    UID,
    WORKLIST_LABEL,
    Json,
    attribute,
    check_new,
    check_values,
    items_at,
    moment,
    study_uids,
    text_at,
)
from .subscription import CANCEL_REQUESTED, PROGRESS_REPORT, SEEN_BY, STATE_REPORT, item_for, state_of, tell_subscribers

WORKERS = (Can.READ_CASES, Can.MEND_MESSAGES, Can.LEAD_READING)
"""Who may work at workitems: those who may hand in AI results."""
OURS = (SOP_CLASS, UID, STATE, TRANSACTION_UID)
"""Attributes that no update changes: they are columns, or never told."""
USUAL_LABEL = "WORKITEMS"


def require_worker(user: User) -> None:
    """Raise Forbidden for who may not work at workitems."""
    if permissions_of(user).isdisjoint(WORKERS):
        raise Forbidden("Your role does not include working at workitems.", code="role")


def create_workitem(dataset: Json, uid: str, *, user: User, actor: Actor, at: datetime) -> Workitem:
    """Put a workitem of the requester's on the worklist, at the site of its exam, or at the requester's only one.

    Raises Invalid, Forbidden, Conflict where there is one of this UID.
    """
    require_worker(user)
    check_new(dataset)
    uid = uid or text_at(dataset, UID)
    if not uid or len(uid) > 64 or not set(uid) <= set("0123456789."):
        raise Invalid("Name it by a UID: ?uid, or SOP Instance UID (0008,0018).", at="uid")
    procedure = _procedure_of(dataset, user)
    sites: list[Site] = [procedure.order.site] if procedure else list(sites_for(user, SEEN_BY)[:2])
    if len(sites) != 1:
        raise Invalid("Name the Study Instance UID of an exam of your sites (Referenced Request Sequence).", at="body")
    return add_workitem(dataset, uid, site=sites[0], procedure=procedure, actor=actor, at=at)


def _procedure_of(dataset: Json, user: User) -> RequestedProcedure | None:
    sites = sites_for(user, SEEN_BY)
    rows = RequestedProcedure.objects.filter(study_uid__in=list(study_uids(dataset)), order__site__in=sites)
    rows = open_rows(rows, user, patient="order__patient", site="order__site")
    return rows.select_related("order__site").first()


@transaction.atomic
def add_workitem(
    dataset: Json,
    uid: str,
    *,
    site: Site,
    procedure: RequestedProcedure | None,
    algorithm: AiAlgorithm | None = None,
    expires_at: datetime | None = None,
    actor: Actor,
    at: datetime,
) -> Workitem:
    """Write a workitem down as SCHEDULED and tell who subscribed. Raises Conflict where there is one of this UID."""
    kept = {tag: value for tag, value in dataset.items() if tag not in OURS}
    label = text_at(kept, WORKLIST_LABEL)[:64] or USUAL_LABEL
    kept[WORKLIST_LABEL] = attribute("LO", label)
    try:
        with transaction.atomic():
            item = Workitem.objects.create(
                uid=uid, site=site, procedure=procedure, algorithm=algorithm, label=label, dataset=kept,
                state=states.SCHEDULED, created_at=at, changed_at=at, expires_at=expires_at,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict("There is a workitem of this UID already.", at="uid", code="duplicate") from None
    _audit(actor, "workitem.create", item, at)
    tell_subscribers(item, STATE_REPORT, state_of(item), at=at, is_new=True)
    return item


def _audit(actor: Actor, action: str, item: Workitem, at: datetime, **detail: Any) -> None:
    patient_id = item.procedure.order.patient_id if item.procedure else None
    record(actor, action, item, patient_id=patient_id, at=at, uid=item.uid, **detail)


@transaction.atomic
def update_workitem(uid: str, dataset: Json, lock: str, *, user: User, actor: Actor, at: datetime) -> Workitem:
    """Change attributes. One in progress only for whoever has its Transaction UID; one that is over never."""
    require_worker(user)
    item = item_for(user, uid)
    check_values(dataset)
    if text_at(dataset, STATE) not in ("", item.state):
        raise Invalid("The state is changed by PUT …/state.", at=STATE)
    _check_lock(item, lock)
    changes = {tag: value for tag, value in dataset.items() if tag not in OURS}
    whole = item.dataset | changes
    label = text_at(whole, WORKLIST_LABEL)[:64] or item.label
    rows = Workitem.objects.filter(pk=item.pk, version=item.version)
    if not rows.update(dataset=whole, label=label, changed_at=at, version=F("version") + 1):
        raise Conflict("It changed meanwhile. Read it again.")
    before = text_at(item.dataset, READINESS)
    item.dataset = whole
    _audit(actor, "workitem.update", item, at, attributes=sorted(changes))
    if text_at(whole, READINESS) != before:
        tell_subscribers(item, STATE_REPORT, state_of(item), at=at)
    if PROGRESS in changes:
        tell_subscribers(item, PROGRESS_REPORT, {PROGRESS: changes[PROGRESS]}, at=at)
    return item


def _check_lock(item: Workitem, lock: str) -> None:
    if item.state in (states.COMPLETED, states.CANCELED):
        raise Conflict(f"This workitem is {item.state} and may no longer be changed (C310).", at=STATE)
    if item.state == states.SCHEDULED and lock:
        raise Conflict("Nobody has claimed this workitem: it has no Transaction UID (C301).", at=TRANSACTION_UID)
    if item.state == states.IN_PROGRESS and lock != item.transaction_uid:
        raise Conflict("This is not the Transaction UID of whoever claimed it (C301).", at=TRANSACTION_UID)


@transaction.atomic
def change_state(
    uid: str, state: str, lock: str, *, station: str = "", user: User, actor: Actor, at: datetime
) -> tuple[Workitem, str]:
    """Claim (IN PROGRESS), complete or cancel; the workitem and a warning, where it was so already.

    The Transaction UID that claims it is the lock of all that follows (PS3.4 CC.2.1). Raises Invalid, Conflict.
    """
    require_worker(user)
    item = item_for(user, uid)
    if state not in states.WORKITEM_STATES[1:]:
        raise Invalid("The state is IN PROGRESS, COMPLETED or CANCELED.", at=STATE)
    if not lock or len(lock) > 64:
        raise Invalid("Name the Transaction UID (0008,1195).", at=TRANSACTION_UID)
    if state == item.state and state != states.IN_PROGRESS and lock == item.transaction_uid:
        return item, f"The UPS is already in the requested state of {state}."
    if state == states.IN_PROGRESS:
        if item.state == states.IN_PROGRESS:
            raise Conflict("Somebody has claimed this workitem already (C302).", at=STATE)
        return _take(item, states.CLAIM_WORK, actor, at, transaction_uid=lock, performer=user, station=station), ""
    if item.state == states.SCHEDULED:
        raise Conflict("A workitem is claimed before it ends (C310).", at=STATE)
    _check_lock(item, lock)
    if state == states.COMPLETED:
        _check_performed(item)
        return _take(item, states.COMPLETE_WORK, actor, at), ""
    return _take(item, states.CANCEL_WORK, actor, at, dataset=item.dataset | _canceled(item, "", at)), ""


def _take(item: Workitem, step: Step, actor: Actor, at: datetime, **changes: Any) -> Workitem:
    moved = Workitem.objects.select_related("procedure__order")
    row = Workitem.objects.take(step, item.pk, changed_at=at, **changes)
    row = moved.get(pk=row.pk)
    _audit(actor, f"workitem.{step.name}", row, at)
    tell_subscribers(row, STATE_REPORT, state_of(row), at=at)
    return row


def _check_performed(item: Workitem) -> None:
    """The final state's requirements (PS3.4 table CC.2.5-3): what was performed, from when to when."""
    done = items_at(item.dataset, PERFORMED)
    if not done or not all(text_at(one, PERFORMED_START) and text_at(one, PERFORMED_END) for one in done):
        raise Conflict(
            "Say first what was performed: Unified Procedure Step Performed Procedure Sequence (0074,1216) "
            "with its start (0040,4050) and end (0040,4051) (C304).",
            at=PERFORMED,
        )


def _canceled(item: Workitem, reason: str, at: datetime) -> Json:
    progress = dict(next(iter(items_at(item.dataset, PROGRESS)), {}))
    progress[CANCELED_AT] = attribute("DT", moment(at))
    if reason:
        progress[REASON] = attribute("LT", reason)
    return {PROGRESS: {"vr": "SQ", "Value": [progress]}}


def request_cancel(uid: str, dataset: Json, *, station: str = "", user: User, actor: Actor, at: datetime) -> str:
    """Cancel what nobody has begun; ask whoever works at it to stop. A warning, where it was cancelled already."""
    item = item_for(user, uid)
    require_worker(user)
    reason = text_at(dataset, REASON)[:250]
    if item.state == states.COMPLETED:
        raise Conflict("This workitem is completed (C311).", at=STATE)
    if item.state == states.CANCELED:
        return "The UPS is already in the requested state of CANCELED."
    if item.state == states.SCHEDULED:
        cancel_scheduled(item, reason, actor=actor, at=at)
        return ""
    with transaction.atomic():
        asked = {"00741236": attribute("AE", station), REASON: attribute("LT", reason)}
        tell_subscribers(item, CANCEL_REQUESTED, asked, at=at)
        _audit(actor, "workitem.cancel-request", item, at)
    return ""


@transaction.atomic
def cancel_scheduled(item: Workitem, reason: str, *, actor: Actor, at: datetime) -> Workitem:
    """Cancel one that nobody works at, by way of IN PROGRESS as the diagram wants it. Raises Conflict."""
    _take(item, states.CLAIM_WORK, actor, at)
    return _take(item, states.CANCEL_WORK, actor, at, dataset=item.dataset | _canceled(item, reason, at))


@transaction.atomic
def complete_by_result(item: Workitem, *, actor: Actor, at: datetime) -> Workitem:
    """Its result came by another way: complete it, whether or not somebody claimed it."""
    if item.state == states.SCHEDULED:
        item = _take(item, states.CLAIM_WORK, actor, at)
    performed = items_at(item.dataset, PERFORMED) or [
        {
            PERFORMED_START: attribute("DT", moment(at - timedelta(seconds=1))),
            PERFORMED_END: attribute("DT", moment(at)),
        }
    ]
    dataset = item.dataset | {PERFORMED: {"vr": "SQ", "Value": performed}}
    return _take(item, states.COMPLETE_WORK, actor, at, dataset=dataset)


@transaction.atomic
def cancel_unfinished(item: Workitem, reason: str, *, actor: Actor, at: datetime) -> Workitem:
    """Cancel it, whoever works at it; their lock counts no more. Raises Conflict for one that is over."""
    if item.state == states.SCHEDULED:
        return cancel_scheduled(item, reason, actor=actor, at=at)
    return _take(item, states.CANCEL_WORK, actor, at, dataset=item.dataset | _canceled(item, reason, at))
