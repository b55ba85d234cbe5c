"""Plans which priors should be at hand: at order, when it is revised, at arrival, and when an archive was searched.

The one place where that is decided. The DICOM side says what archives have, and carries the plans out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from ris.kernel.db.transactions import lock_name
from ris.orders import states as orders
from ris.orders.models import RequestedProcedure
from worklist.models import PriorPlan
from worklist.rules.language.parser import evaluate
from worklist.rules.priors import MOST, Exam, Prior, relevant
from worklist.selectors.case_facts import facts_of, procedure_with_context
from worklist.selectors.rules_in_force import rules_in_force

LONG_AGO = date(1980, 1, 1)
"""The day of a study whose date cannot be read: it fades away."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier study of the patient. ``prior_id``: what it was ordered as here, if it was; ``side`` L, R or empty."""

    study_uid: str
    day: date | None
    modality: str
    region: str = ""
    side: str = ""
    description: str = ""
    procedure: str = ""
    prior_id: int | None = None

    def exam(self, number: int) -> Exam:
        """The same exam, as the rules of priors want it."""
        return Exam(number, self.day or LONG_AGO, self.modality, self.region, self.procedure, self.side)


@transaction.atomic
def plan_priors(
    procedure_id: int, *, at: datetime, found: Sequence[Earlier] = (), doubted: Collection[str] = ()
) -> list[PriorPlan]:
    """Write down (or check again) the priors worth fetching for a procedure, best first. Idempotent.

    Considered are the exams known here, those that ``found`` says an archive has, and those that archives were
    found to have before. A study that was ordered here is taken at its order's word. What is no longer worth
    it and was not fetched yet is dropped; what was dropped, or could not be fetched, and is worth it is planned
    again. ``doubted``: studies that may be another patient's; they are not ranked, whatever was planned before.
    A rule's ``prefetch`` says how many; without one it is MOST, and never fewer than the latest of the same
    procedure. Of two who plan at once one waits. Returned: the plans that are still to be carried out; none for an
    exam that is cancelled (see :func:`cancel_plans`).
    """
    lock_name(f"priors:{procedure_id}")
    requested = procedure_with_context(procedure_id)
    if orders.CANCELLED in (requested.state, requested.order.state):
        cancel_plans(procedure_id, at=at)
        return []
    zone = ZoneInfo(requested.order.site.time_zone)
    earlier = [one for one in _earlier(requested, found, zone) if one.study_uid not in doubted]
    cited = _cited_studies(requested)
    wanted = relevant(
        replace(_ordered_here(requested, zone), day=at.astimezone(zone).date()).exam(-1),
        [one.exam(n) for n, one in enumerate(earlier)],
        cited=frozenset(n for n, one in enumerate(earlier) if one.study_uid in cited),
        most=_most_priors(requested, at),
    )
    for prior in wanted:
        _keep_plan(requested, earlier[prior.id], prior, at)
    owed = PriorPlan.objects.filter(procedure=requested, state=PriorPlan.PLANNED)
    stale = owed.exclude(study_uid__in=[earlier[prior.id].study_uid for prior in wanted])
    stale.update(state=PriorPlan.DROPPED, checked_at=at)
    return list(owed.order_by("-score", "pk"))


@transaction.atomic
def cancel_plans(procedure_id: int, *, at: datetime) -> int:
    """The exam will not be: nothing that was planned for it is owed any more; how many plans. Idempotent."""
    lock_name(f"priors:{procedure_id}")
    owed = PriorPlan.objects.filter(procedure=procedure_id, state=PriorPlan.PLANNED)
    return owed.update(state=PriorPlan.CANCELLED, checked_at=at)


_OFF = (PriorPlan.DROPPED, PriorPlan.FAILED, PriorPlan.CANCELLED)


def _keep_plan(requested: RequestedProcedure, one: Earlier, prior: Prior, at: datetime) -> None:
    columns: dict[str, Any] = {
        "prior_id": one.prior_id,
        "day": one.day,
        "modality": one.modality,
        "region": one.region,
        "side": one.side,
        "description": one.description,
        "score": prior.score,
        "reasons": list(prior.reasons),
        "checked_at": at,
    }
    plan, fresh = PriorPlan.objects.get_or_create(
        procedure=requested, study_uid=one.study_uid, defaults={**columns, "planned_at": at}
    )
    if not fresh:
        again = {"state": PriorPlan.PLANNED} if plan.state in _OFF else {}
        PriorPlan.objects.filter(pk=plan.pk).update(**columns, **again)


def _earlier(requested: RequestedProcedure, found: Sequence[Earlier], zone: ZoneInfo) -> list[Earlier]:
    """The patient's exams that were done, or whose images are known to be there, here or in an archive."""
    rows = RequestedProcedure.objects.select_related("procedure", "order", "reading_item", "study")
    done = Q(order__patient=requested.order.patient_id) & (Q(reading_item__isnull=False) | Q(study__isnull=False))
    seen = {one.study_uid: one for one in found}
    before = PriorPlan.objects.filter(procedure=requested, prior=None).exclude(study_uid__in=seen).order_by("pk")
    seen |= {plan.study_uid: _found_before(plan) for plan in before}
    for row in rows.filter(done | Q(study_uid__in=seen)).exclude(pk=requested.pk).order_by("pk"):
        if row.order.patient_id != requested.order.patient_id:
            continue  # another patient's order: of a study that a person accepted, only the archive's words count
        ours, theirs = _ordered_here(row, zone), seen.get(row.study_uid)
        seen[row.study_uid] = replace(ours, day=theirs.day) if theirs and theirs.day else ours
    seen.pop(requested.study_uid, None)
    return list(seen.values())


def _ordered_here(one: RequestedProcedure, zone: ZoneInfo) -> Earlier:
    item, study = getattr(one, "reading_item", None), getattr(one, "study", None)
    moment = item.opened_at if item else study.first_seen_at if study else one.order.placed_at
    region = one.procedure.body_region if one.procedure else ""
    day = moment.astimezone(zone).date()
    return Earlier(one.study_uid, day, one.modality, region, one.laterality, procedure=one.code, prior_id=one.pk)


def _found_before(plan: PriorPlan) -> Earlier:
    return Earlier(plan.study_uid, plan.day, plan.modality, plan.region, plan.side, plan.description)


def _cited_studies(requested: RequestedProcedure) -> frozenset[str]:
    """Studies that were at hand as the comparison of this patient's latest exam that had any."""
    had = PriorPlan.objects.filter(procedure__order__patient=requested.order.patient_id, state=PriorPlan.FETCHED)
    last = had.exclude(procedure=requested).order_by("-procedure").first()
    if last is None:
        return frozenset()
    return frozenset(had.filter(procedure=last.procedure_id).values_list("study_uid", flat=True))


def _most_priors(requested: RequestedProcedure, at: datetime) -> int:
    site: Any = requested.order.site
    day = at.astimezone(ZoneInfo(site.time_zone)).date()
    asked = evaluate(rules_in_force(site.pk, at).rules, facts_of(requested, at), day).effects.get("prefetch")
    return MOST if asked is None else int(asked)


def note_fetched(study_uid: str, *, ok: bool, at: datetime) -> int:
    """The DICOM side says how fetching a study went; how many plans that settled. Those settled before stay so."""
    owed: QuerySet[PriorPlan] = PriorPlan.objects.filter(study_uid=study_uid, state=PriorPlan.PLANNED)
    return owed.update(state=PriorPlan.FETCHED if ok else PriorPlan.FAILED, checked_at=at)
