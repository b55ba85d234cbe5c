"""The policy in force, its history, and saving a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.values import number_or_none, read_reason
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from .models import ReleasePolicy
from .policy import (
    AFTER_HOURS,
    AFTER_SEEN,
    DEFAULT_RULES,
    KINDS,
    LEVELS,
    MOST_HOURS,
    MOST_RULES,
    THENS,
    ReleaseRule,
    read_rules,
)


def rules_in_force() -> tuple[int, Sequence[ReleaseRule]]:
    """Number and rules of the newest policy; 0 and :data:`DEFAULT_RULES` before the first."""
    newest = ReleasePolicy.objects.first()
    return (newest.number, read_rules(newest.rules)) if newest else (0, DEFAULT_RULES)


def policies() -> QuerySet[ReleasePolicy]:
    """All that were saved, newest first, with who saved them."""
    return ReleasePolicy.objects.select_related("made_by")


@transaction.atomic
def save_policy(
    rows: Sequence[Mapping[str, Any]], *, upon: int, reason: str, editor: User, actor: Actor, at: datetime
) -> ReleasePolicy:
    """Put new rules into force from now on; what was decided before stays decided. Audited as ``release.policy``.

    ``upon``: number of the policy that was edited. Raises Forbidden, Conflict when somebody saved since, and Invalid
    for a rule that cannot be: ``rules[2].hours``.
    """
    require(editor, Can.SET_UP)
    read_reason(reason, "Say why the policy changes.")
    rules = [read_rule(row, at=f"rules[{number}]") for number, row in enumerate(rows)]
    if not rules:
        raise Invalid("A policy has at least one rule.", at="rules")
    if len(rules) > MOST_RULES:
        raise Invalid(f"A policy has at most {MOST_RULES} rules.", at="rules")
    lock_name("release-policy")
    number, _ = rules_in_force()
    if number != upon:
        raise Conflict("Somebody saved another policy meanwhile. Draw the page again.", code="stale-policy")
    saved = ReleasePolicy.objects.create(
        number=number + 1, rules=[rule.as_data() for rule in rules], reason=reason.strip(), made_by=editor, made_at=at
    )
    record(actor, "release.policy", saved, reason=reason.strip(), at=at, number=saved.number, rules=len(rules))
    return saved


def read_rule(row: Mapping[str, Any], *, at: str) -> ReleaseRule:
    """A rule as it was typed or sent. Raises Invalid at the field."""
    then, site = _choice(row, "then", THENS, at), str(row.get("site") or "").strip()
    kind, level = _choice(row, "kind", KINDS, at), _choice(row, "level", LEVELS, at)
    if site and not Site.objects.filter(code=site).exists():
        raise Invalid("There is no such site.", at=f"{at}.site")
    waits = then in (AFTER_HOURS, AFTER_SEEN)
    hours = number_or_none(row.get("hours") or 0, most=MOST_HOURS) if waits else 0
    if waits and not hours:
        raise Invalid(f"Say after how many hours: 1 to {MOST_HOURS}.", at=f"{at}.hours")
    ages = [_age(row, name, at) for name in ("age_from", "age_to")]
    if None not in ages and ages[0] > ages[1]:  # type: ignore[operator]  # neither is None
        raise Invalid("The ages are the wrong way round.", at=f"{at}.age_to")
    modality = str(row.get("modality") or "").strip().upper()[:16]
    return ReleaseRule(then, hours or 0, kind, modality, level, ages[0], ages[1], site)


def _choice(row: Mapping[str, Any], name: str, known: Mapping[str, str], at: str) -> str:
    given = str(row.get(name) or "")
    if given not in known:
        raise Invalid(f"One of: {', '.join(word or '(empty)' for word in known)}.", at=f"{at}.{name}")
    return given


def _age(row: Mapping[str, Any], name: str, at: str) -> int | None:
    given = row.get(name)
    if given is None or given == "":
        return None
    years = number_or_none(given, most=150)
    if years is None:
        raise Invalid("An age is a whole number of years from 0 to 150.", at=f"{at}.{name}")
    return years
