"""Rule sets and the numbers of the score are drafted or proposed, put in force and retired.

What was in force is never changed: decisions are explained as of then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import yaml
from django.db import transaction
from django.db.models import Max

from ris.audit.services import Actor, record
from ris.catalog.models import Site, Subspecialty
from ris.kernel import doorbell
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.people.models import User
from worklist import states
from worklist.events import WORKLIST_BELL
from worklist.models import ReadingItem, RuleSet, ScorePolicy
from worklist.rules.language.flaws import Flaw, check
from worklist.rules.language.parser import Rule, parse
from worklist.rules.policy import PRESET, URGENT_FROM, Policy, read_policy

# Thousands of rules: it bounds how long a request can spend on parsing.
MOST_BYTES = 500_000


def read_yaml(text: str) -> list[Any]:
    """The rules of a YAML text (``rules: [...]``, or the list itself). Raises Invalid; builds plain values only."""
    if len(text) > MOST_BYTES:
        raise Invalid(f"More than {MOST_BYTES} characters.", at="yaml")
    # Aliases of aliases grow to gigabytes when they are put out again ("billion laughs").
    if "&" in text and "*" in text:
        for event in _events(text):
            if isinstance(event, yaml.AliasEvent):
                raise Invalid("Anchors and aliases are not allowed.", at="yaml")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "yaml"
        raise Invalid("This is not YAML.", at=where) from None
    except RecursionError:
        raise Invalid("This is nested too deeply. Write flatter rules.", at="yaml") from None
    except ValueError:  # a date that is none, such as 2026-02-31
        raise Invalid("A value in it cannot be read, such as a date that does not exist.", at="yaml") from None
    rules: list[Any] = _plain(document.get("rules") if isinstance(document, dict) else document)
    return rules


def _events(text: str) -> Any:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return


def _plain(document: Any) -> Any:
    """Dates, which YAML reads as such, as the texts that JSON keeps."""
    if isinstance(document, dict):
        return {str(key): _plain(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_plain(value) for value in document]
    return document.isoformat() if hasattr(document, "isoformat") else document


def write_yaml(rules: list[Any]) -> str:
    """The rules as a YAML text that :func:`read_yaml` reads back."""
    return yaml.safe_dump({"rules": rules}, sort_keys=False, allow_unicode=True, width=110)


def checked(rules: Any) -> tuple[tuple[Rule, ...], list[Flaw]]:
    """Read rules and look for flaws. Raises Invalid for what cannot be read or names what does not exist here."""
    parsed = parse(rules)
    pools = set(Subspecialty.objects.values_list("code", flat=True))
    for n, rule in enumerate(parsed):
        for effect in ("subspecialty", "skill_needed"):
            wanted = rule.then.get(effect)
            if wanted and wanted not in pools:
                raise Invalid(f"There is no subspecialty “{wanted}”.", at=f"rules[{n}].then.{effect}")
        reserved = rule.then.get("reserve")
        if reserved and not User.objects.filter(username=reserved, is_active=True).exists():
            raise Invalid(f"There is no user “{reserved}”.", at=f"rules[{n}].then.reserve")
    return parsed, check(parsed)


@transaction.atomic
def draft_rules(
    rules: Any, *, site: Site | None, note: str = "", maker: User | None, actor: Actor, at: datetime
) -> RuleSet:
    """Keep rules as a new draft version for a site (None: everywhere). Raises Invalid."""
    checked(rules)
    lock_name(f"rules:{site.pk if site else 0}")  # or two drafts at once would get the same number
    last = RuleSet.objects.filter(site=site).aggregate(last=Max("number"))["last"] or 0
    row = RuleSet.objects.create(site=site, number=last + 1, rules=rules, note=note[:250], made_by=maker, made_at=at)
    record(actor, "rules.draft", row, at=at, rules=len(rules))
    return row


@transaction.atomic
def put_in_force(rule_set_id: int, *, actor: Actor, at: datetime) -> RuleSet:
    """From now on this version decides for its site, and the one before is retired. Raises Conflict, NotFound."""
    row = RuleSet.objects.filter(pk=rule_set_id).first()
    if row is None:
        raise NotFound("There is no such rule set.")
    checked(row.rules)  # again: a subspecialty or a user that a rule names may have gone since it was drafted
    lock_name(f"rules:{row.site_id or 0}")
    RuleSet.objects.filter(site=row.site, state=RuleSet.LIVE).update(state=RuleSet.RETIRED, in_force_until=at)
    drafts = RuleSet.objects.filter(pk=row.pk, state=RuleSet.DRAFT)
    if not drafts.update(state=RuleSet.LIVE, in_force_from=at):
        raise Conflict("Only a draft can be put in force; import an old version again to return to it.")
    record(actor, "rules.in-force", row, at=at, number=row.number)
    row.refresh_from_db()
    return row


@transaction.atomic
def retire(rule_set_id: int, *, actor: Actor, at: datetime) -> RuleSet:
    """End the version that is in force, without another: the presets decide again."""
    if not RuleSet.objects.filter(pk=rule_set_id, state=RuleSet.LIVE).update(state=RuleSet.RETIRED, in_force_until=at):
        raise Conflict("Only the version that is in force can be retired.")
    row = RuleSet.objects.get(pk=rule_set_id)
    record(actor, "rules.retire", row, at=at, number=row.number)
    return row


STAT = 2
"""The least urgent class whose points no policy changes."""


@transaction.atomic
def propose_policy(
    policy: Policy, *, expected: dict[str, Any], note: str, maker: User | None, actor: Actor, at: datetime
) -> ScorePolicy:
    """Keep a policy with what is expected of it. Nothing is scored by it until it is put in force."""
    row = ScorePolicy.objects.create(
        values=policy.kept(), expected=expected, note=note[:250], made_by=maker, made_at=at
    )
    record(actor, "score-policy.propose", row, at=at, values=row.values)
    return row


@transaction.atomic
def put_policy_in_force(policy_id: int, *, actor: Actor, at: datetime) -> ScorePolicy:
    """Score every open case by this policy from now on; the one before is retired. Raises Conflict unless proposed."""
    lock_name("score-policy")  # of two who decide at once the second sees what the first did
    row = ScorePolicy.objects.filter(pk=policy_id, state=ScorePolicy.PROPOSED).first()
    if row is None:
        raise Conflict("Only a proposed policy can be put in force.")
    ScorePolicy.objects.filter(state=ScorePolicy.LIVE).update(state=ScorePolicy.RETIRED, in_force_until=at)
    row.state, row.in_force_from = ScorePolicy.LIVE, at
    row.save()
    _score_anew(read_policy(row.values), at)
    record(actor, "score-policy.in-force", row, at=at, values=row.values)
    return row


@transaction.atomic
def retire_policy(policy_id: int, *, actor: Actor, at: datetime) -> ScorePolicy:
    """Score by the preset numbers again. Raises Conflict unless the policy is in force."""
    lock_name("score-policy")
    row = ScorePolicy.objects.filter(pk=policy_id, state=ScorePolicy.LIVE).first()
    if row is None:
        raise Conflict("Only the policy that is in force can be retired.")
    row.state, row.in_force_until = ScorePolicy.RETIRED, at
    row.save()
    _score_anew(PRESET, at)
    record(actor, "score-policy.retire", row, at=at)
    return row


def _score_anew(policy: Policy, at: datetime) -> None:
    """Give open cases the points of their class, and let all that wait be placed anew: their turn is now.

    What an AI result promoted keeps its points; when the result expires, the case is priced by the new policy.
    """
    items = ReadingItem.objects.filter(state__in=states.OPEN)
    for urgency, _ in ReadingItem.URGENCIES:
        if urgency > STAT:
            # weight < URGENT_FROM leaves out what an AI result promoted.
            points = policy.class_points(urgency)
            items.filter(urgency=urgency, weight__lt=URGENT_FROM).update(weight=points)
    items.filter(lane__isnull=False).update(turns_at=at)
    doorbell.ring(WORKLIST_BELL)
