"""Plans which priors should be at hand: at order, and again at arrival. The DICOM side carries them out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from ris.orders.models import RequestedProcedure
from worklist.models import PriorPlan
from worklist.rules.language import evaluate
from worklist.rules.priors import MOST, Exam, relevant
from worklist.selectors.needs import facts_of, procedure_with_context
from worklist.selectors.rulesets import rules_in_force


@transaction.atomic
def plan_priors(procedure_id: int, *, at: datetime) -> list[PriorPlan]:
    """Write down (or check again) the priors worth fetching for a procedure, best first. Idempotent.

    What is no longer worth it and was not fetched yet is dropped. A rule's ``prefetch`` says how many; without
    one it is MOST, and never fewer than the latest of the same procedure.
    """
    requested = procedure_with_context(procedure_id)
    zone = ZoneInfo(requested.order.site.time_zone)
    earlier = _earlier(requested)
    exams = [_exam(old, zone) for old in earlier]
    wanted = relevant(_exam(requested, zone, at), exams, cited=_cited(requested), most=_how_many(requested, at))
    for prior in wanted:
        plan, fresh = PriorPlan.objects.get_or_create(
            procedure=requested,
            prior_id=prior.id,
            defaults={"score": prior.score, "reasons": list(prior.reasons), "planned_at": at, "checked_at": at},
        )
        if not fresh:
            again = {"state": PriorPlan.PLANNED} if plan.state == PriorPlan.DROPPED else {}
            PriorPlan.objects.filter(pk=plan.pk).update(
                score=prior.score, reasons=list(prior.reasons), checked_at=at, **again
            )
    stale = PriorPlan.objects.filter(procedure=requested, state=PriorPlan.PLANNED)
    stale.exclude(prior__in=[prior.id for prior in wanted]).update(state=PriorPlan.DROPPED, checked_at=at)
    return list(PriorPlan.objects.filter(procedure=requested, state=PriorPlan.PLANNED).order_by("-score", "pk"))


def _earlier(requested: RequestedProcedure) -> list[RequestedProcedure]:
    """The patient's exams that were done, or whose images are known to be there."""
    others = RequestedProcedure.objects.filter(order__patient=requested.order.patient_id).exclude(pk=requested.pk)
    done = others.filter(reading_item__isnull=False) | others.filter(study__isnull=False)
    return list(done.select_related("procedure", "order", "reading_item", "study").distinct())


def _exam(one: RequestedProcedure, zone: ZoneInfo, at: datetime | None = None) -> Exam:
    item, study = getattr(one, "reading_item", None), getattr(one, "study", None)
    moment = at or (item.opened_at if item else study.first_seen_at if study else one.order.placed_at)
    region = one.procedure.body_region if one.procedure else ""
    return Exam(one.pk, moment.astimezone(zone).date(), one.modality, region, one.code, one.laterality)


def _cited(requested: RequestedProcedure) -> frozenset[int]:
    """Exams that were the comparison of the latest fetched plan of this patient."""
    last = PriorPlan.objects.filter(prior__order__patient=requested.order.patient_id, state=PriorPlan.FETCHED).order_by(
        "-procedure"
    )
    first = last.first()
    if first is None:
        return frozenset()
    return frozenset(last.filter(procedure=first.procedure_id).values_list("prior", flat=True))


def _how_many(requested: RequestedProcedure, at: datetime) -> int:
    site: Any = requested.order.site
    day = at.astimezone(ZoneInfo(site.time_zone)).date()
    asked = evaluate(rules_in_force(site.pk, at).rules, facts_of(requested, at), day).effects.get("prefetch")
    return MOST if asked is None else int(asked)


def note_fetched(plan_id: int, *, ok: bool, at: datetime) -> bool:
    """The DICOM side says how carrying out a plan went; False when it was settled already."""
    outcome = PriorPlan.FETCHED if ok else PriorPlan.FAILED
    return bool(PriorPlan.objects.filter(pk=plan_id, state=PriorPlan.PLANNED).update(state=outcome, checked_at=at))
