"""Rule sets: which is in force where and when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db.models import Q, QuerySet

from ris.kernel.db.statements import Kept
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for
from worklist.models import RuleSet
from worklist.rules.language.conditions import named_in
from worklist.rules.language.parser import Rule, parse


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
    rows = sorted(_in_force.all(at, at, site_id, RuleSet.DRAFT), key=lambda row: row.site_id is None)
    texts = [json.dumps(row.rules) for row in rows]
    rules = tuple(rule for text in texts for rule in _parse(text))
    facts = frozenset[str]().union(*map(_asked, texts))
    return InForce(",".join(f"{row.site_id or 0}#{row.number}" for row in rows), rules, facts)


def _sets_in_force(at: datetime, same: datetime, site_id: int, draft: str) -> QuerySet[RuleSet]:
    then = Q(in_force_from__lte=at) & (Q(in_force_until__isnull=True) | Q(in_force_until__gt=same))
    return RuleSet.objects.filter(then & (Q(site=site_id) | Q(site__isnull=True)) & ~Q(state=draft))


_in_force = Kept[RuleSet](_sets_in_force)


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
