"""Urgency, SLA and weight of a case: the presets, then what the rules say, then what an AI result adds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .facts import Facts
from .score import CLASS_SLA, CLASS_WEIGHT, Case

AI_WINDOW = ((0.5, 30), (0.2, 45), (0.0, 60))
"""Lowest PPV → minutes from the result in which the case is due."""


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
) -> Pricing:
    """Put numbers on a case whose SLA clock began at ``began_at`` and stood still for ``paused``.

    ``urgency`` and ``sla_minutes`` are what rules decided, if they did.
    A positive finding can bring the due time forward and raise the weight; nothing it says, and no
    negative one, ever makes a case less urgent.
    """
    urgency = urgency or preset_urgency(facts)
    sla = float(sla_minutes or CLASS_SLA[urgency])
    weight = CLASS_WEIGHT[urgency]
    due = began_at + timedelta(minutes=sla) + paused
    ai = ""
    for finding in sorted(findings, key=lambda f: (f.result_at, f.code)):
        if not finding.positive:
            continue
        window = next(minutes for ppv, minutes in AI_WINDOW if finding.ppv >= ppv)
        if finding.result_at + timedelta(minutes=window) < due:
            due, sla, ai = finding.result_at + timedelta(minutes=window), min(sla, float(window)), finding.code
        if 10.0 * (1.0 + finding.ppv) > weight:
            weight, ai = 10.0 * (1.0 + finding.ppv), finding.code
    return Pricing(urgency, Case(weight, facts.reading_minutes, due, sla, points), ai)
