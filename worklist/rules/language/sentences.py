"""A rule as a sentence."""

from __future__ import annotations

from typing import Any

from .conditions import All, AnyOf, Condition, Not, Test
from .parser import Rule

_FACTS = {
    "patient_class": "the patient's class",
    "visit_state": "the state of the visit",
    "patient_waiting": "the patient is waiting",
    "discharge_pending": "a discharge is pending",
    "ai_positive": "an AI result is positive",
    "ai_findings": "AI findings",
    "prior_reader": "a prior reader is known",
    "covered": "somebody with the skill is on shift",
    "reading_minutes": "the reading time",
    "reason": "the reason for the exam",
}


def sentence(rule: Rule) -> str:
    """``When modality is CT and region is HEAD or NECK, then the class is critical and it is due in 20 min.``"""
    when = _words(rule.when)
    text = (
        f"When {when}, then {_and(_effect(*pair) for pair in rule.then.items())}"
        if when
        else (f"Always {_and(_effect(*pair) for pair in rule.then.items())}")
    )
    if rule.since:
        text += f", from {rule.since:%d-%b-%Y}"
    if rule.until:
        text += f", until {rule.until:%d-%b-%Y}"
    return text + ("; and nothing after this rule counts." if rule.stop else ".")


def _and(parts: Any, word: str = "and") -> str:
    return f" {word} ".join(parts)


def _words(condition: Condition) -> str:
    if isinstance(condition, Test):
        return _test(condition)
    if isinstance(condition, Not):
        return f"it is not so that {_words(condition.part)}"
    if isinstance(condition, AnyOf):
        return "(" + _and((_words(part) for part in condition.parts), "or") + ")"
    assert isinstance(condition, All)
    return _and(_words(part) for part in condition.parts)


def _test(test: Test) -> str:
    name, value = _FACTS.get(test.fact, test.fact.replace("_", " ")), test.value
    if isinstance(value, bool):
        if test.op == "known":
            return f"{name} is {'known' if value else 'unknown'}"
        positive = value is (test.op == "is")
        return name if positive else f"it is not so that {name}"
    if test.op == "between":
        return f"{name} is between {_value(test.fact, value[0])} and {_value(test.fact, value[1])}"
    if test.op in ("in", "not in"):
        words = _and((_value(test.fact, one) for one in value), "or")
        return f"{name} is {words}" if test.op == "in" else f"{name} is not {words}"
    verb = {"is": "is", "is not": "is not", "has": "include", "contains": "contains"}.get(test.op, f"is {test.op}")
    return f"{name} {verb} {_value(test.fact, value)}"


def _value(fact: str, value: Any) -> str:
    if fact == "hour":
        return f"{value}:00"
    if fact == "reading_minutes":
        return f"{value:g} min"
    return f"“{value}”" if isinstance(value, str) and " " in value else str(value)


def _effect(name: str, value: Any) -> str:
    if name == "sla":
        hours, minutes = divmod(value, 60)
        parts = [f"{hours} h"] if hours else []
        return "it is due in " + " ".join(parts + ([f"{minutes} min"] if minutes or not hours else []))
    return {
        "class": f"the class is {value}",
        "points": f"it gets {value:+g} points" if isinstance(value, float) else "",
        "subspecialty": f"it is for {value}",
        "skill_needed": f"only a reader with the skill {value} is given it",
        "pool": f"it is offered to {'everybody' if value == 'everybody' else 'secondary readers too'}",
        "reserve": f"it is reserved for {value}",
        "second_reader": "two different readers read it" if value else "one reader is enough",
        "teaching": "it is a teaching case" if value else "it is no teaching case",
        "prefetch": f"{value} priors are fetched",
        "notify": f"{value} is told",
    }[name]
