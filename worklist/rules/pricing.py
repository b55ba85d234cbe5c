"""Rules, then numbers: what production, replays and tests all ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from .classification import Finding, Pricing, preset_urgency, price
from .facts import Facts
from .language.parser import CLASSES, Outcome, Rule, evaluate
from .policy import PRESET, Policy


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
