"""Which later exam may be what a report recommended: proposed by region, modality and time; a person confirms."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Min

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, NotFound
from ris.orders.models import RequestedProcedure
from ris.orders.states import CANCELLED, COMPLETED
from ris.people.models import User

from ..checks.lexicon import names_in
from ..models import FollowUp, FollowUpMatch
from . import states
from .services import follow_up_of, rung_due, settle

ROOM_AROUND = 0.25
"""So much of the interval before its first day, an exam is still what was recommended."""
LEAST_ROOM = timedelta(days=7)
MOST_CANDIDATES = 200


def propose_for_order(order_id: int, *, at: datetime) -> int:
    """Propose the exams of an order for the open recommendations of its patient; how many. Idempotent."""
    rows = RequestedProcedure.objects.filter(order=order_id).exclude(state=CANCELLED)
    return sum(_propose(row, at) for row in rows.select_related("order__site", "procedure"))


def propose_for_patient(patient_id: int, *, at: datetime) -> int:
    """The same for all exams of a patient: after a merge, the other record's recommendations meet them."""
    if not FollowUp.objects.filter(report__procedure__order__patient=patient_id, state__in=states.OPEN).exists():
        return 0
    rows = RequestedProcedure.objects.filter(order__patient=patient_id).exclude(state=CANCELLED).order_by("-pk")
    return sum(_propose(row, at) for row in rows.select_related("order__site", "procedure")[:MOST_CANDIDATES])


def propose_for_follow_ups(report_id: int, *, at: datetime) -> int:
    """The same for the recommendations of a report that was signed: the exam may be ordered already."""
    row = FollowUp.objects.filter(report=report_id, state__in=states.OPEN).first()
    return propose_for_patient(row.report.procedure.order.patient_id, at=at) if row else 0


def _propose(procedure: RequestedProcedure, at: datetime) -> int:
    waiting = FollowUp.objects.filter(
        report__procedure__order__patient=procedure.order.patient_id, state=states.RECOMMENDED, kind="exam"
    ).exclude(report__procedure__order=procedure.order_id)
    rows = [row for row in waiting.select_related("report__procedure__order") if may_be(row, procedure)]
    made = [FollowUpMatch.objects.get_or_create(follow_up=row, procedure=procedure, defaults={"found_at": at})[1]
            for row in rows]  # fmt: skip
    return sum(made)


def may_be(row: FollowUp, procedure: RequestedProcedure) -> bool:
    """Whether an exam is of the recommended modality and region, and not before its time. A late one counts."""
    if not (row.modality or row.region) or row.report.procedure.order.placed_at >= procedure.order.placed_at:
        return False
    if row.modality and row.modality != procedure.modality:
        return False
    if row.region and row.region not in regions_of(procedure):
        return False
    return row.earliest is None or first_day(row) <= day_of(procedure)


def regions_of(procedure: RequestedProcedure) -> frozenset[str]:
    """The regions of an exam: the catalog's, and those that its name says."""
    known = procedure.procedure
    own = {known.body_region.upper()} if known else set()
    return names_in("regions", f"{procedure} {known.name if known else ''}") | own


def first_day(row: FollowUp) -> date:
    """The first day on which an exam counts as the recommended one: a quarter of the interval before ``earliest``."""
    assert row.earliest is not None
    since = (row.recommended_at or row.made_at).date()
    room = max((row.earliest - since) * ROOM_AROUND, LEAST_ROOM)
    return row.earliest - room


def day_of(procedure: RequestedProcedure) -> date:
    """The day of an exam at its site: of its first step, else of its order."""
    start = procedure.steps.aggregate(at=Min("start"))["at"] or procedure.order.placed_at
    day: date = start.astimezone(ZoneInfo(procedure.order.site.time_zone)).date()
    return day


@transaction.atomic
def decide_match(match_id: int, *, keep: bool, by: User, actor: Actor, at: datetime) -> FollowUpMatch:
    """Confirm a proposed exam as the recommended one, or refuse it. Confirmed, it is done when the exam is.

    Raises NotFound; Conflict when it was decided, or the recommendation is not open, already.
    """
    match = FollowUpMatch.objects.select_related("procedure__order").filter(pk=match_id).first()
    if match is None:
        raise NotFound("There is no such proposal.")
    row = follow_up_of(by, match.follow_up_id)
    state = FollowUpMatch.CONFIRMED if keep else FollowUpMatch.REFUSED
    open_ = FollowUpMatch.objects.filter(pk=match_id, state=FollowUpMatch.PROPOSED)
    if not open_.update(state=state, decided_at=at, decided_by=by):
        raise Conflict("This proposal was decided already.")
    if keep:
        FollowUp.objects.take(states.ORDER, row.pk, procedure=match.procedure)
        if match.procedure.steps.filter(state=COMPLETED).exists():
            complete_with(match.procedure_id, at=at)
    patient_id = row.report.procedure.order.patient_id
    record(actor, "follow-up.match", row, patient_id=patient_id, at=at, procedure=match.procedure_id, kept=keep)
    match.refresh_from_db()
    return match


def complete_with(procedure_id: int, *, at: datetime) -> int:
    """The exam was done: so is what it was confirmed for; how many."""
    rows = list(FollowUp.objects.filter(procedure=procedure_id, state=states.ORDERED))
    for row in rows:
        FollowUp.objects.filter(pk=row.pk).take_all(states.COMPLETE, done_at=at, next_rung_at=None)
        settle(row, at=at)
    return len(rows)


def reopen_without(procedure_ids: list[int], *, at: datetime) -> int:
    """The exam was cancelled, or turned out not to be of this procedure: its recommendations wait again; how many."""
    rows = FollowUp.objects.filter(procedure__in=procedure_ids)
    FollowUpMatch.objects.filter(procedure__in=procedure_ids).exclude(state=FollowUpMatch.REFUSED).delete()
    reopened = 0
    for row in list(rows.filter(state__in=[states.ORDERED, states.DONE])):
        # Its clock runs on where it was: a rung that was reached meanwhile is due at once.
        due = rung_due(row, row.rung + 1)
        reopened += FollowUp.objects.filter(pk=row.pk).take_all(
            states.REOPEN, procedure=None, done_at=None, next_rung_at=due
        )
    return reopened
