"""Emergency accesses that run, and those that wait for a verdict."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from ris.people.models import User

from .models import EmergencyAccess
from .visibility import is_glass_broken


def running_accesses(user: User, at: datetime) -> list[EmergencyAccess]:
    """The person's own that run, with their patients; asks the database only where there is one."""
    if not is_glass_broken(user, at):
        return []
    rows = EmergencyAccess.objects.filter(user=user, ends_at__gt=at).select_related("patient")
    return list(rows.order_by("ends_at"))


def accesses_to_judge(*, judged: bool = False) -> QuerySet[EmergencyAccess]:
    """Those without a final verdict, the oldest first; or those with one, the newest first."""
    rows = EmergencyAccess.objects.select_related("user", "patient", "judged_by")
    waiting = ["", EmergencyAccess.QUESTION]
    if judged:
        return rows.exclude(verdict__in=waiting).order_by("-judged_at", "-pk")
    return rows.filter(verdict__in=waiting).order_by("opened_at", "pk")
