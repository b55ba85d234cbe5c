"""Cases of the simulation priced by the rules that production runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from worklist.rules.classification import Finding, price
from worklist.rules.facts import Facts
from worklist.rules.lanes import EPOCH
from worklist.rules.score import Case

from .engine import Job

_MINUTE = timedelta(minutes=1)


def moment(minute: float) -> datetime:
    """The moment that a minute of the simulation stands for."""
    return EPOCH + minute * _MINUTE


def case_of(job: Job) -> Case:
    """The simulated case as production's rules see one."""
    return Case(job.weight, job.expected, moment(job.price_due), job.sla, job.points)


def apply_ai(job: Job, now: float) -> bool:
    """Price a case with its AI result; whether anything changed."""
    finding = Finding("AI", job.ai_positive, job.ai_ppv, moment(now))
    priced = price(
        Facts(reading_minutes=job.expected),
        began_at=moment(job.arrive),
        urgency=job.urgency,
        sla_minutes=job.due - job.arrive,
        findings=[finding],
    )
    due = (priced.case.due_at - EPOCH) / _MINUTE
    if due == job.price_due and priced.case.weight == job.weight:
        return False
    job.price_due, job.sla, job.weight = due, priced.case.sla_minutes, priced.case.weight
    return True
