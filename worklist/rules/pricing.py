"""Rules, then numbers: what production, replays and tests all ask."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from .classify import Finding, Pricing, price
from .facts import Facts
from .language import CLASSES, Outcome, Rule, evaluate


def decide(
    facts: Facts,
    rules: Iterable[Rule],
    day: date,
    *,
    opened_at: datetime,
    paused: timedelta = timedelta(0),
    findings: Iterable[Finding] = (),
) -> tuple[Outcome, Pricing]:
    """What the rules say of a case, and how urgent that makes it."""
    outcome = evaluate(rules, facts, day)
    effects = outcome.effects
    pricing = price(
        facts,
        opened_at=opened_at,
        paused=paused,
        urgency=CLASSES.get(effects.get("class", "")),
        sla_minutes=effects.get("sla"),
        points=effects.get("points", 0.0),
        findings=findings,
    )
    return outcome, pricing
