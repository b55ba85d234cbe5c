"""From a case's facts to the columns of its row: its price by the rules that are in force, and its lane."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from ris.catalog.models import Subspecialty
from ris.orders.models import RequestedProcedure
from ris.people.models import User
from worklist.models import ReadingItem
from worklist.rules.eligibility import coverage_gap
from worklist.rules.facts import Facts
from worklist.rules.language.parser import REACHES, Outcome
from worklist.rules.policy import Policy
from worklist.rules.pricing import Pricing, decide
from worklist.rules.score import PRIMARY, SLOPE, Case, Place, next_rung_at, place, reach_of, terms
from worklist.selectors.case_facts import clock_of, facts_of, findings_of, prior_readers
from worklist.selectors.readers import readers_recent
from worklist.selectors.rules_in_force import policy_in_force, rules_in_force


@dataclass(frozen=True, slots=True)
class ItemPrice:
    """What the rules make of a case: columns for its row, the reasons, and what else they ask for."""

    columns: dict[str, Any]
    why: dict[str, Any]
    rule_set: str
    notify: str = ""
    prefetch: int | None = None


def price_item(item: ReadingItem, requested: RequestedProcedure, at: datetime) -> ItemPrice:
    """Price a case by the rules in force at its site at that moment."""
    findings = findings_of(item, at) if item.pk else []
    site = requested.order.site
    in_force = rules_in_force(site.pk, at)
    facts = facts_of(requested, at, item=item, findings=findings, **_dear(item, requested, in_force.facts, at))
    day = at.astimezone(ZoneInfo(site.time_zone)).date()
    policy = policy_in_force()
    clock, paused = clock_of(requested, item.opened_at), paused_for(item, at)
    outcome, pricing = decide(
        facts,
        in_force.rules,
        day,
        clock=lambda urgency: clock(urgency).at,
        paused=paused,
        findings=findings,
        policy=policy,
    )
    # The class may have come from a rule, so which event began its clock is known only now.
    began = clock(pricing.urgency)
    item.reach = max(item.reach if item.pk else PRIMARY, REACHES.get(outcome.effects.get("pool", ""), PRIMARY))
    columns: dict[str, Any] = {
        # A place is noted in worklist_lane even for a held item, whose lane reprice() empties: that does no harm.
        **place_columns(place(pricing.case, at, reach=item.reach, policy=policy)),
        "urgency": pricing.urgency,
        "weight": pricing.case.class_points,
        "sla_minutes": round(pricing.case.sla_minutes),
        "due_at": pricing.case.due_at,
        "points": pricing.case.points,
        "next_rung_at": next_rung_at(pricing.case.due_at, pricing.case.sla_minutes, item.rung),
        **_asked(outcome),
    }
    why = _reasons(facts, outcome, pricing, policy, at)
    why["clock"] = {
        "event": began.event,
        "known": began.known,
        "began": began.at.isoformat(),
        "paused": round(paused / timedelta(minutes=1), 1),
    }
    effects = outcome.effects
    return ItemPrice(columns, why, in_force.label, effects.get("notify", ""), effects.get("prefetch"))


def _reasons(facts: Facts, outcome: Outcome, pricing: Pricing, policy: Policy, at: datetime) -> dict[str, Any]:
    """What a decision keeps of it, so that it can be explained as of then whatever is in force later."""
    case = pricing.case
    return {
        "facts": facts.kept(),
        "fired": list(outcome.fired),
        "effects": {effect: [value, outcome.by[effect]] for effect, value in outcome.effects.items()},
        "terms": {name: round(value, 4) for name, value in terms(case, at, policy).items()},
        "urgency": pricing.urgency,
        "case": {
            "class_points": case.class_points,
            "reading": case.reading_minutes,
            "due": case.due_at.isoformat(),
            "sla": case.sla_minutes,
            "points": case.points,
        },
        "ai": pricing.ai,
        "policy": policy.kept(),
    }


def _dear(item: ReadingItem, requested: RequestedProcedure, asked: frozenset[str], at: datetime) -> dict[str, bool]:
    """Facts that take more than the case itself to know: when it is opened (a draft may ask for them when it is tried
    on the past), and where some rule asks for them."""
    facts, fresh = dict[str, bool](), item.pk is None
    if fresh or "covered" in asked:
        site = requested.order.site_id
        facts["covered"] = coverage_gap(readers_recent(at), site, item.pool, item.modality) == PRIMARY
    if fresh or "prior_reader" in asked:
        facts["compared"] = bool(prior_readers(item, requested.order.patient_id))
    return facts


def _asked(outcome: Outcome) -> dict[str, Any]:
    """Columns that only rules set. A name that has gone since the rule was written asks for nothing."""
    # Nobody but rules asks for a skill: what no rule asks for any more is not asked for.
    effects, columns = outcome.effects, dict[str, Any](skill_needed=None)
    if "skill_needed" in effects:
        columns["skill_needed"] = Subspecialty.objects.filter(code=effects["skill_needed"]).first()
    for name in ("second_reader", "teaching"):
        if name in effects:
            columns[name] = effects[name]
    if "subspecialty" in effects:
        pool = Subspecialty.objects.filter(code=effects["subspecialty"]).first()
        if pool:
            columns |= {"subspecialty": pool, "pool": pool.pk}
    if "reserve" in effects:
        reader = User.objects.filter(username=effects["reserve"], is_active=True).first()
        if reader:
            columns["reserved_for"] = reader
    return columns


def paused_for(item: ReadingItem, at: datetime) -> timedelta:
    """How long the item's SLA clock has stood still so far."""
    if item.pk is None:
        return timedelta(0)
    return sum(((p.until or at) - p.since for p in item.pauses.all()), timedelta(0))


NO_LANE: dict[str, Any] = {"lane": None, "turns_at": None}
"""Columns of an item that nobody can be given; rank and slope stay, so that lists keep their order."""

_NOTE = "INSERT INTO worklist_lane (number, reach, slope) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


def case_of(item: ReadingItem) -> Case:
    """What the score needs to know of an item."""
    return Case(item.weight, item.reading_minutes, item.due_at, float(item.sla_minutes), item.points)


def score_terms(item: ReadingItem, at: datetime) -> dict[str, float]:
    """Why the item stands where it stands."""
    return terms(case_of(item), at, item.policy or policy_in_force())


def lane_columns(item: ReadingItem, at: datetime) -> dict[str, Any]:
    """Columns of an item that somebody can be given: where it stands at a moment."""
    return place_columns(place(case_of(item), at, reach=item.reach, policy=policy_in_force()))


def place_columns(where: Place) -> dict[str, Any]:
    """The same for a known place. Notes the lane, in the caller's transaction, so that next-case looks there.

    There is no cache of known lanes: a rolled-back note would leave items where nobody looks.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [where.lane, reach_of(where.lane), SLOPE])
    return {"lane": where.lane, "rank": where.rank, "slope": where.slope, "turns_at": where.turns_at}


def advance_lanes(at: datetime, *, limit: int = 1000) -> int:
    """Move items whose time has come to their next lane; return how many moved.

    Each moves by a guarded UPDATE of its own, so sweeps and claims may run at the same time.
    """
    due = ReadingItem.objects.filter(turns_at__lte=at, lane__isnull=False).order_by("turns_at")[:limit]
    moved = 0
    for item in due:
        still = ReadingItem.objects.filter(pk=item.pk, version=item.version, lane__isnull=False)
        moved += still.update(**lane_columns(item, at))
    return moved
