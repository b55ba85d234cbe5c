"""How often the checks before signing were right: what came of it each time that one spoke, by check and site."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for

from ..models import Firing
from .selectors import of_open

MEASURED = timedelta(days=90)
LEAST_PRECISION = 80
"""Percent that a check must reach that wants a reason."""
MOST_REASONS = 10
"""Of a check at a site; the most frequent."""


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """A reason with which a check was overridden, in the signers' words, and how often."""

    reason: str
    times: int


@dataclass(frozen=True, slots=True)
class CheckFigures:
    """What came of it when a check spoke at a site (its code). ``unchanged``: signed over without a reason, which only
    hints are; ``nothing``: still open, or changed later than a minute after."""

    check: str
    site: str
    fired: int
    overridden: int
    edited: int
    unchanged: int
    reasons: tuple[OverrideReason, ...]

    @property
    def nothing(self) -> int:
        """Of which nothing can be said."""
        return self.fired - self.overridden - self.edited - self.unchanged

    @property
    def precision(self) -> float | None:
        """Edited of edited and overridden, in percent; None when there was neither."""
        decided = self.edited + self.overridden
        return round(100 * self.edited / decided, 1) if decided else None

    @property
    def imprecise(self) -> bool:
        """Whether it wants reasons, and is right less often than it should be."""
        return self.precision is not None and self.precision < LEAST_PRECISION


def check_figures(lead: User, *, at: datetime) -> list[CheckFigures]:
    """Of the last ninety days at the sites where the viewer leads quality, by check and site."""
    rows = of_open(
        Firing.objects.filter(at__gt=at - MEASURED, site__in=site_ids_for(lead, Can.LEAD_QUALITY)), lead
    )  # fmt: skip
    reasons = _reasons(rows)
    figures = rows.values_list("check_name", "site__code").annotate(
        fired=Count("pk"),
        overridden=Count("pk", filter=Q(outcome=Firing.OVERRIDDEN)),
        edited=Count("pk", filter=Q(outcome=Firing.EDITED)),
        unchanged=Count("pk", filter=Q(outcome=Firing.UNCHANGED)),
    )
    return [
        CheckFigures(check, site, fired, overridden, edited, unchanged, tuple(reasons[check, site]))
        for check, site, fired, overridden, edited, unchanged in figures.order_by("check_name", "site__code")
    ]


def _reasons(rows: QuerySet[Firing]) -> dict[tuple[str, str], list[OverrideReason]]:
    counted = (
        rows.filter(outcome=Firing.OVERRIDDEN)
        .values_list("check_name", "site__code", "override__reason")
        .annotate(times=Count("pk"))
        .order_by("-times", "override__reason")
    )
    listed: dict[tuple[str, str], list[OverrideReason]] = defaultdict(list)
    for check, site, reason, times in counted:
        if len(of_check := listed[check, site]) < MOST_REASONS:
            of_check.append(OverrideReason(reason, times))
    return listed
