"""The numbers of the score: those in force, and the versions that a lead may look at."""

from __future__ import annotations

from functools import lru_cache

from worklist.models import ScorePolicy
from worklist.rules.policy import PRESET, Policy, read_policy

from .stamps import Stamps, stamps


def policy_in_force(known: Stamps | None = None) -> Policy:
    """The policy as the database has it now, kept in memory until somebody changes it. ``known``: stamps just read."""
    known = known or stamps()
    return _load(known.database, known.readers)


@lru_cache(maxsize=4)
def _load(database: str, stamp: str | None) -> Policy:
    row = ScorePolicy.objects.filter(state=ScorePolicy.LIVE).first()
    return read_policy(row.values) if row else PRESET
