"""The escalation ladder: what happens to a case as its SLA runs out.

Rung 1 (half): secondary skill. Rung 2 (three quarters): everybody eligible. Rung 3 (nine tenths): the coordinator's
screen. Rung 4: the breach itself. The first two are what the lanes do anyway; the rungs record that it happened.
"""

from __future__ import annotations

from datetime import datetime, timedelta

RUNGS = {1: 0.5, 2: 0.75, 3: 0.9, 4: 1.0}
"""Rung → part of the SLA that is gone."""

NAMES = {1: "offered to secondary skills", 2: "offered to everybody", 3: "coordinator", 4: "breach"}

UNCOVERED_ROUTINE = timedelta(hours=4)
"""Work that nobody on shift is there for widens by itself: urgent at once, routine after so long."""


def rung_at(due_at: datetime, sla_minutes: float, rung: int) -> datetime:
    """When a case reaches a rung."""
    return due_at - timedelta(minutes=sla_minutes * (1.0 - RUNGS[rung]))


def next_rung_at(due_at: datetime, sla_minutes: float, rung: int) -> datetime | None:
    """When a case that stands on ``rung`` (0: none) reaches the next one; None after the last."""
    return rung_at(due_at, sla_minutes, rung + 1) if rung < max(RUNGS) else None


def widens_at(opened_at: datetime, urgency: int) -> datetime:
    """When a case that nobody on shift is there for is offered more widely."""
    return opened_at if urgency <= 3 else opened_at + UNCOVERED_ROUTINE
