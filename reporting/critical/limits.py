"""Within which time somebody must have acknowledged a critical finding, and when each rung of the ladder is climbed.

The clock starts when the reader marks the finding, while reading, and not when the report is signed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from ..models import CriticalLimit

DEFAULT_MINUTES = {"red": 60, "orange": 180, "yellow": 4320}
"""Where no site says otherwise. Minutes, by level (ACR actionable findings, categories 1, 2, 3)."""

PERSON, DEPUTY, SERVICE, SUPERVISOR, LIMIT = 1, 2, 3, 4, 5
RUNGS = {PERSON: 0.05, DEPUTY: 1 / 3, SERVICE: 2 / 3, SUPERVISOR: 0.9, LIMIT: 1.0}
"""Rung → part of the limit that is gone. The first is not at once: the reader may be telephoning already."""

RUNG_NAMES = {
    PERSON: "who ordered", DEPUTY: "their deputy", SERVICE: "the service", SUPERVISOR: "the supervisor",
    LIMIT: "the limit is over",
}  # fmt: skip


def limit_minutes(site_id: int, level: str) -> int:
    """The limit of a level at a site: its own, else that of every site, else the house's."""
    rows = CriticalLimit.objects.filter(Q(site=site_id) | Q(site=None), level=level)
    own = sorted(rows, key=lambda row: row.site_id is None)
    return own[0].minutes if own else DEFAULT_MINUTES[level]


def rung_moment(marked_at: datetime, minutes: int, rung: int) -> datetime | None:
    """When a rung is climbed; None after the last."""
    return marked_at + timedelta(minutes=minutes * RUNGS[rung]) if rung in RUNGS else None
