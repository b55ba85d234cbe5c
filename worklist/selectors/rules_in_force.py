"""Which rules and which numbers of the score (the policy) are in force, where and when; what came of a policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import Count, F, Q, QuerySet

from ris.catalog.models import Site
from ris.kernel.errors import Forbidden
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for, sites_for
from worklist.models import ReadingItem, RuleSet, ScorePolicy
from worklist.rules.language.conditions import named_in
from worklist.rules.language.parser import Rule, parse
from worklist.rules.policy import PRESET, Policy, read_policy

from ..change_stamps import Stamps, stamps


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules for one site: its own before those for everywhere. ``label`` names the versions.

    ``facts``: those that some rule asks for, so that what is dear to find out is found out only then.
    """

    label: str
    rules: tuple[Rule, ...]
    facts: frozenset[str] = frozenset()


def rules_in_force(site_id: int, at: datetime) -> InForce:
    """The rules that decided about a site's cases at a moment, past ones too."""
    # False sorts first: a site's own rules before those for everywhere, since the first that sets an effect decides.
    rows = sorted(_sets_in_force(site_id, at), key=lambda row: row.site_id is None)
    texts = [json.dumps(row.rules) for row in rows]
    rules = tuple(rule for text in texts for rule in _parse(text))
    facts = frozenset[str]().union(*map(_asked, texts))
    return InForce(",".join(f"{row.site_id or 0}#{row.number}" for row in rows), rules, facts)


def _sets_in_force(site_id: int, at: datetime) -> QuerySet[RuleSet]:
    then = Q(in_force_from__lte=at) & (Q(in_force_until__isnull=True) | Q(in_force_until__gt=at))
    return RuleSet.objects.filter(then & (Q(site=site_id) | Q(site__isnull=True)) & ~Q(state=RuleSet.DRAFT))


# By text, not by row: the same text is the same rules whatever becomes of its row, so nothing is ever stale.
@lru_cache(maxsize=64)
def _parse(text: str) -> tuple[Rule, ...]:
    return parse(json.loads(text))


@lru_cache(maxsize=64)
def _asked(text: str) -> frozenset[str]:
    return frozenset[str]().union(*(named_in(rule.when) for rule in _parse(text)))


def visible_rule_sets(viewer: User) -> QuerySet[RuleSet]:
    """Rule sets for everywhere and for the sites that the viewer leads, newest first."""
    sites = sites_for(viewer, Can.LEAD_READING)
    return RuleSet.objects.filter(Q(site__isnull=True) | Q(site__in=sites)).select_related("site").order_by("-pk")


def decides_score(user: User) -> bool:
    """The score compares cases of all sites, so its numbers are for whoever leads the reading at every one of them."""
    return set(Site.objects.values_list("pk", flat=True)) <= site_ids_for(user, Can.LEAD_READING)


def require_score_decision(user: User) -> None:
    """Raise Forbidden unless the user decides about the score's numbers."""
    if not decides_score(user):
        raise Forbidden("The score is for all sites: who leads the reading at every one of them decides.", code="role")


def policy_in_force(known: Stamps | None = None) -> Policy:
    """The policy as the database has it now, kept in memory until somebody changes it. ``known``: stamps just read."""
    known = known or stamps()
    return _load(known.database, known.readers)


# The arguments are only keys: the stamp of the readers changes with worklist_scorepolicy (worklist.change_stamps).
@lru_cache(maxsize=4)
def _load(database: str, stamp: str | None) -> Policy:
    row = ScorePolicy.objects.filter(state=ScorePolicy.LIVE).first()
    return read_policy(row.values) if row else PRESET


# A quarter: longer than a policy is compared before another is proposed; each week is a query.
MOST_WEEKS = 12


@dataclass(frozen=True, slots=True)
class Week:
    """What came of the cases that were finished in the week from ``begin`` (UTC)."""

    begin: datetime
    cases: int
    late: int
    stat: int
    stat_late: int

    @property
    def breaches(self) -> float:
        """Percent of the cases."""
        return 100.0 * self.late / self.cases if self.cases else 0.0

    @property
    def stat_breaches(self) -> float:
        """Percent of the critical and STAT cases."""
        return 100.0 * self.stat_late / self.stat if self.stat else 0.0


def weeks_since(begin: datetime, at: datetime) -> Iterator[Week]:
    """The weeks since a policy came into force, the latest first, at most MOST_WEEKS: what came, beside what was
    expected."""
    number = min(int((at - begin) / timedelta(weeks=1)) + 1, MOST_WEEKS)
    late, stat = Q(finished_at__gt=F("due_at")), Q(urgency__lte=2)
    for n in range(number):
        until = at - n * timedelta(weeks=1)
        since = max(until - timedelta(weeks=1), begin)
        counts = ReadingItem.objects.filter(finished_at__gt=since, finished_at__lte=until).aggregate(
            cases=Count("pk"),
            late=Count("pk", filter=late),
            stat=Count("pk", filter=stat),
            stat_late=Count("pk", filter=late & stat),
        )
        yield Week(since, counts["cases"], counts["late"], counts["stat"], counts["stat_late"])
