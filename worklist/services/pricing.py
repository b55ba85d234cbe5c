"""From a case's facts to the columns of its row, by the rules that are in force."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ris.orders.models import RequestedProcedure
from worklist.models import ReadingItem
from worklist.rules.classify import price
from worklist.rules.lanes import place
from worklist.rules.score import terms
from worklist.selectors.needs import facts_of, findings_of

from .places import columns_of


def priced(item: ReadingItem, requested: RequestedProcedure, at: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns (urgency, due time, weight, place …) and the reasons, as a decision record keeps them."""
    findings = findings_of(item, at) if item.pk else []
    facts = facts_of(requested, at, item=item if item.pk else None, findings=findings)
    pricing = price(facts, opened_at=item.opened_at, paused=_paused(item, at), findings=findings)
    where = place(pricing.case, at, reach=item.reach)
    columns: dict[str, Any] = {
        **columns_of(where),
        "urgency": pricing.urgency,
        "weight": pricing.case.weight,
        "sla_minutes": round(pricing.case.sla_minutes),
        "due_at": pricing.case.due_at,
        "points": pricing.case.points,
    }
    why: dict[str, Any] = {
        "rule_set": "",
        "facts": facts.kept(),
        "terms": {name: round(value, 4) for name, value in terms(pricing.case, at).items()},
        "urgency": pricing.urgency,
        "sla": pricing.case.sla_minutes,
        "ai": pricing.ai,
    }
    return columns, why


def _paused(item: ReadingItem, at: datetime) -> timedelta:
    if item.pk is None:
        return timedelta(0)
    return sum(((p.until or at) - p.since for p in item.pauses.all()), timedelta(0))
