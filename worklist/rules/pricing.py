"""Urgency, SLA and class points of a case: the presets, then what the rules say, then what an AI result adds.

Production, replays and tests all ask :func:`decide`; the simulation, which has no rules, asks :func:`price`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .facts import Facts
from .language.parser import CLASSES, Outcome, Rule, evaluate
from .policy import MINUTES_A_POINT, PRESET, URGENT_POINTS, Policy
from .score import CLASS_SLA, Case

# The surer the result, the sooner. A class whose SLA ends before that keeps its own.
AI_WINDOW = ((0.5, 30), (0.2, 45), (0.0, 60))
"""Lowest PPV → minutes from the result in which the case is due."""

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """An AI result that still counts."""

    code: str
    positive: bool
    ppv: float
    result_at: datetime


@dataclass(frozen=True, slots=True)
class Pricing:
    """How urgent a case is. ``ai`` names the finding that tightened it, if one did."""

    urgency: int
    case: Case
    ai: str = ""


def preset_urgency(facts: Facts) -> int:
    """1 critical … 5 routine, when no rule says otherwise."""
    if facts.priority == "STAT":
        return 2
    # Before the emergency class: an order that states a priority is believed rather than where the patient lies.
    if facts.priority == "HIGH" or facts.patient_waiting:
        return 3
    if facts.patient_class == "emergency":
        return 2
    if facts.priority == "MEDIUM" or facts.patient_class == "inpatient":
        return 3 if facts.discharge_pending else 4
    return 5


def price(
    facts: Facts,
    *,
    began_at: datetime,
    paused: timedelta = timedelta(0),
    urgency: int | None = None,
    sla_minutes: float | None = None,
    points: float = 0.0,
    findings: Iterable[Finding] = (),
    policy: Policy = PRESET,
) -> Pricing:
    """Put numbers on a case whose SLA clock began at ``began_at`` and stood still for ``paused``.

    ``urgency`` and ``sla_minutes`` are what rules decided, if they did.
    A positive finding can bring the due time forward and promote the case to the STAT cases, as if it were one that is
    due ``policy.ai_due`` after the result: those that wait already stay before it. Nothing it says, and no negative
    one, ever makes a case less urgent.
    """
    urgency = urgency or preset_urgency(facts)
    sla = float(sla_minutes or CLASS_SLA[urgency])
    class_points = policy.class_points(urgency)
    due = began_at + timedelta(minutes=sla) + paused
    ai = ""
    # In a fixed order, so that the same findings always name the same one as the reason.
    for finding in sorted(findings, key=lambda f: (f.result_at, f.code)):
        if not finding.positive:
            continue
        window = timedelta(minutes=next(minutes for ppv, minutes in AI_WINDOW if finding.ppv >= ppv))
        if finding.result_at + window < due:
            due, sla, ai = finding.result_at + window, min(sla, window / MINUTE), finding.code
        promoted = promoted_points(finding.result_at, due, policy)
        if promoted > class_points:
            class_points, ai = promoted, finding.code
    return Pricing(urgency, Case(class_points, facts.reading_minutes, due, sla, points), ai)


def promoted_points(result_at: datetime, due_at: datetime, policy: Policy) -> float:
    """Class points of a case with a positive AI result.

    Due sooner than a STAT case of that moment, it would pass those that wait: the points take that back.
    """
    sooner = (result_at + timedelta(minutes=policy.ai_due) - due_at) / MINUTE
    return URGENT_POINTS - max(0.0, sooner) / MINUTES_A_POINT


def decide(
    facts: Facts,
    rules: Iterable[Rule],
    day: date,
    *,
    clock: Callable[[int], datetime],
    paused: timedelta = timedelta(0),
    findings: Iterable[Finding] = (),
    policy: Policy = PRESET,
) -> tuple[Outcome, Pricing]:
    """What the rules say of a case, and how urgent that makes it. ``clock``: class → when its SLA clock began."""
    outcome = evaluate(rules, facts, day)
    effects = outcome.effects
    # First the class: both the SLA and the event that starts its clock depend on it.
    urgency = CLASSES.get(effects.get("class", "")) or preset_urgency(facts)
    pricing = price(
        facts,
        began_at=clock(urgency),
        paused=paused,
        urgency=urgency,
        sla_minutes=effects.get("sla"),
        points=effects.get("points", 0.0),
        findings=findings,
        policy=policy,
    )
    return outcome, pricing
