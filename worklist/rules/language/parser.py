"""Rules as data: conditions over named facts, and effects. Read and evaluated here; no code in them.

A rule, as YAML::

    name: Stroke
    when: {modality: CT, region: [HEAD, NECK], age: {at least: 18}, not: {priority: ROUTINE}}
    then: {class: critical, sla: 20}
    from: 2026-04-01        # optional, dates at the site; until is the last day
    stop: true              # optional: no later rule is looked at

All of ``when`` must hold (``any: [...]`` for alternatives, ``not: {...}`` for the opposite). A test about a fact
that is not known does not hold. Rules are looked at in order, and the first that sets an effect has set it: so
the exception stands before the general case. Evaluation takes time linear in the number of tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ris.kernel.errors import Invalid

from ..facts import Facts
from .conditions import Condition, holds, read_condition

MOST_RULES = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and the effects it has, in force between two days."""

    name: str
    when: Condition
    then: Mapping[str, Any]
    since: date | None = None
    until: date | None = None
    stop: bool = False

    def in_force(self, day: date) -> bool:
        """Whether the rule counts on this day; both ends are included."""
        return (self.since is None or day >= self.since) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules decided: effect → value, and effect → name of the rule that set it."""

    effects: dict[str, Any] = field(default_factory=dict)
    by: dict[str, str] = field(default_factory=dict)
    fired: tuple[str, ...] = ()


CLASSES = {"critical": 1, "stat": 2, "waiting": 3, "inpatient": 4, "routine": 5}
REACHES = {"secondary": 1, "everybody": 2}


def _number(low: float, high: float, whole: bool = False) -> Any:
    def read(value: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"a number from {low:g} to {high:g}")
        if whole and value != int(value):
            raise ValueError("a whole number")
        return int(value) if whole else float(value)

    return read


def _one_of(words: Iterable[str]) -> Any:
    allowed = list(words)

    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return str(value)

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 80:
        raise ValueError("a text of at most 80 characters")
    return value.strip()


def _yes_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


EFFECTS: Mapping[str, Any] = {
    "class": _one_of(CLASSES),
    "sla": _number(1, 43200, whole=True),
    "points": _number(-3, 3),
    "subspecialty": _text,
    "skill_needed": _text,
    "pool": _one_of(REACHES),
    "reserve": _text,
    "second_reader": _yes_no,
    "teaching": _yes_no,
    "prefetch": _number(0, 10, whole=True),
    "notify": _text,
}
"""Effect → reader of its value, which raises ValueError with what is wanted."""


def parse(rules: Any) -> tuple[Rule, ...]:
    """Read a list of rules. Raises Invalid, whose ``at`` says where: ``rules[2].when.age``."""
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise Invalid(f"A rule set is a list of at most {MOST_RULES} rules.", at="rules")
    found = tuple(_rule(rule, f"rules[{n}]") for n, rule in enumerate(rules))
    names = [rule.name for rule in found]
    for n, name in enumerate(names):
        if name in names[:n]:
            raise Invalid(f"Two rules are called “{name}”.", at=f"rules[{n}].name")
    return found


def _rule(document: Any, at: str) -> Rule:
    if not isinstance(document, dict):
        raise Invalid("A rule is a mapping with name, when and then.", at=at)
    for key in document:
        if key not in ("name", "when", "then", "from", "until", "stop"):
            raise Invalid(f"A rule has no “{key}”.", at=f"{at}.{key}")
    try:
        name = _text(document.get("name"))
        stop = _yes_no(document.get("stop", False))
    except ValueError as error:
        raise Invalid(f"name and stop: {error} is wanted.", at=at) from None
    when = read_condition(document.get("when", {}), f"{at}.when")
    then = _effects(document.get("then"), f"{at}.then")
    since, until = _day(document.get("from"), f"{at}.from"), _day(document.get("until"), f"{at}.until")
    if since and until and until < since:
        raise Invalid("It would end before it begins.", at=f"{at}.until")
    return Rule(name, when, then, since, until, stop)


def _day(value: Any, at: str) -> date | None:
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Invalid("A date such as 2026-04-01 is wanted.", at=at) from None


def _effects(document: Any, at: str) -> dict[str, Any]:
    if not isinstance(document, dict) or not document:
        raise Invalid(f"Say what follows: {', '.join(EFFECTS)}.", at=at)
    found = {}
    for name, value in document.items():
        if name not in EFFECTS:
            raise Invalid(f"There is no effect “{name}”: {', '.join(EFFECTS)}.", at=f"{at}.{name}")
        try:
            found[name] = EFFECTS[name](value)
        except ValueError as error:
            raise Invalid(f"{error} is wanted.", at=f"{at}.{name}") from None
    return found


def evaluate(rules: Iterable[Rule], facts: Facts, day: date) -> Outcome:
    """What the rules that are in force on ``day`` (the site's) decide about a case."""
    outcome, fired = Outcome(), []
    for rule in rules:
        if not rule.in_force(day) or not holds(rule.when, facts):
            continue
        fired.append(rule.name)
        for effect, value in rule.then.items():
            if effect not in outcome.effects:
                outcome.effects[effect], outcome.by[effect] = value, rule.name
        if rule.stop:
            break
    return Outcome(outcome.effects, outcome.by, tuple(fired))
