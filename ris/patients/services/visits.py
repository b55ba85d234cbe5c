"""Visits are brought up to date by what messages say of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.db.statements import save
from ris.kernel.db.transactions import all_or_none, lock_name
from ris.kernel.errors import Conflict
from ris.kernel.events import emit

from ..events import VisitRevised
from ..intents import VisitIntent
from ..models import Visit
from ..prepared_queries import VISIT
from ..selectors_identity import separation


@all_or_none()
def record_visit(patient_id: int, intent: VisitIntent, *, actor: Actor, at: datetime) -> Visit:
    """The visit of that number, created or brought up to date. Each field is written by the latest said.

    Its state by the latest that happened. A change that can make its orders' cases more urgent is told.
    Raises Conflict when the number belongs to a visit of another patient.
    """
    # A visit that is new has no row to lock.
    lock_name(f"visit:{intent.authority}:{intent.number}")
    known = VISIT.first(intent.authority, intent.number)
    if known is not None and known.patient_id != patient_id:
        raise Conflict("This visit number belongs to another patient.", at="PV1-19", code="duplicate")
    visit = known or Visit(
        patient_id=patient_id, site_id=intent.site_id, authority=intent.authority, number=intent.number
    )
    moment = (intent.message_at or at).astimezone(UTC)
    rank = _rank(moment, intent)
    ranks = dict.fromkeys(_OF_THE_EVENT, _rank((intent.state_at or moment).astimezone(UTC), intent))
    content = intent.content()
    said = {name: value for name, value in content.items() if visit.said.get(name, [""]) <= ranks.get(name, rank)}
    changed = {name for name, value in said.items() if getattr(visit, name) != value}
    for name, value in said.items():
        setattr(visit, name, value)
        visit.said[name] = ranks.get(name, rank)
    if known is None or said:
        visit.updated_at = max(filter(None, [visit.updated_at, moment]))
        visit.version += 1 if known is not None and changed else 0
        save(visit)
    if known is None or changed:
        record(actor, "visit.write", visit, patient_id=patient_id, at=at, fields=sorted(changed))
    if known is not None and changed & _TOLD:
        emit(VisitRevised(stream=f"patient:{patient_id}", at=at, patient_id=patient_id, visit_id=visit.pk))
    return visit


# What an ADT event changes; the rest describes the visit whichever event brought it.
_OF_THE_EVENT = ("state", "discharge_pending")
# What a rule may ask for when it says how urgent a case is.
_TOLD = {"state", "discharge_pending", "patient_class"}


def _rank(moment: datetime, intent: VisitIntent) -> list[Any]:
    return [moment.isoformat(timespec="microseconds"), len(intent.message_id), intent.message_id]


@transaction.atomic
def give_visit(visit_id: int, merge_id: int, *, reason: str, actor: Actor, at: datetime) -> Visit:
    """Give a visit that came to the one who remained after a merge to the one who was separated from them.

    Raises NotFound; Invalid without a reason; Conflict unless it belongs to that survivor.
    """
    merge = separation(merge_id, reason)
    if not Visit.objects.filter(pk=visit_id, patient=merge.survivor_id).update(
        patient=merge.retired_id, version=F("version") + 1
    ):
        raise Conflict("This visit does not belong to the patient from whom the other was separated.", at="visit")
    visit = Visit.objects.get(pk=visit_id)
    record(actor, "visit.give", visit, patient_id=merge.retired_id, reason=reason, at=at, merge=merge.pk)
    return visit
