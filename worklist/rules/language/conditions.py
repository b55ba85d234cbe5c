"""Conditions of rules: tests about named facts, all of them, any of them, not them. Read and evaluated here.

A condition is data: nothing in it is run. It is true or false of facts in time linear in the number of its tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ris.kernel.errors import Invalid

from ..facts import NAMES, Facts

MOST_TESTS, DEEPEST = 40, 4


@dataclass(frozen=True, slots=True)
class Test:
    """``fact op value``. Values of sets and intervals are tuples."""

    fact: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class All:
    """True when every part is."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when at least one part is."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is not."""

    part: Condition


Condition = Test | All | AnyOf | Not


def read_condition(document: Any, at: str) -> Condition:
    """Read the ``when`` of a rule. Raises Invalid, whose ``at`` says where: ``rules[2].when.age``."""
    found = _all(document, at, 1)
    if _count(found) > MOST_TESTS:
        raise Invalid(f"More than {MOST_TESTS} tests in one rule.", at=at)
    return found


def _all(document: Any, at: str, depth: int) -> All:
    if not isinstance(document, dict):
        raise Invalid("Conditions are a mapping from facts to what they must be.", at=at)
    if depth > DEEPEST:
        raise Invalid(f"Nested deeper than {DEEPEST}.", at=at)
    parts: list[Condition] = []
    for name, test in document.items():
        where = f"{at}.{name}"
        if name == "any":
            if not isinstance(test, list) or not test:
                raise Invalid("any: wants a list of alternatives.", at=where)
            parts.append(
                AnyOf(tuple(_all(value_tested, f"{where}[{n}]", depth + 1) for n, value_tested in enumerate(test)))
            )
        elif name == "not":
            parts.append(Not(_all(test, where, depth + 1)))
        elif name in NAMES:
            parts += _tests(name, test, where)
        else:
            raise Invalid(f"There is no fact “{name}”: {', '.join(NAMES)}.", at=where)
    return All(tuple(parts))


_SCALARS = {str: (str,), int: (int,), float: (int, float), bool: (bool,), tuple: (str,)}
OPS = ("is", "is not", "in", "not in", "at least", "at most", "between", "contains", "has", "known")
_ORDERED = ("at least", "at most", "between")


def _tests(fact: str, document: Any, at: str) -> list[Condition]:
    kind = NAMES[fact]
    if not isinstance(document, dict):
        op = "has" if kind is tuple and not isinstance(document, list) else "in" if isinstance(document, list) else "is"
        document = {op: document}
    found: list[Condition] = []
    for op, value in document.items():
        if op not in OPS:
            raise Invalid(f"There is no test “{op}”: {', '.join(OPS)}.", at=at)
        if (op in _ORDERED and kind not in (int, float)) or (op == "contains" and kind is not str):
            raise Invalid(f"{fact} cannot be tested by “{op}”.", at=at)
        if (op == "has") is not (kind is tuple) and op != "known":
            raise Invalid(f"{fact} cannot be tested by “{op}”.", at=at)
        found.append(Test(fact, op, _value(kind, op, value, at)))
    return found


def _value(kind: type, op: str, value: Any, at: str) -> Any:
    if op == "known":
        if not isinstance(value, bool):
            raise Invalid("known: true or false.", at=at)
        return value
    many = op in ("in", "not in", "between")
    values = value if isinstance(value, list) else [value]
    if many is not isinstance(value, list) or not values or (op == "between" and len(values) != 2):
        raise Invalid(f"“{op}” wants {'two values' if op == 'between' else 'a list' if many else 'one value'}.", at=at)
    for value_tested in values:
        if not isinstance(value_tested, _SCALARS[kind]) or (isinstance(value_tested, bool) and kind is not bool):
            raise Invalid(f"“{value_tested}” is not a value of this fact.", at=at)
        if isinstance(value_tested, str) and (not value_tested or len(value_tested) > 80):
            raise Invalid("A text of 1 to 80 characters is wanted.", at=at)
    return tuple(values) if many else value


def _count(condition: Condition) -> int:
    if isinstance(condition, Test):
        return 1
    if isinstance(condition, Not):
        return _count(condition.part)
    return sum(_count(part) for part in condition.parts)


def named_in(condition: Condition) -> frozenset[str]:
    """Names of the facts that a condition asks for."""
    if isinstance(condition, Test):
        return frozenset([condition.fact])
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return frozenset().union(*map(named_in, parts))


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition is true of the facts."""
    if isinstance(condition, Test):
        return _test(condition, facts.get(condition.fact))
    if isinstance(condition, Not):
        return not holds(condition.part, facts)
    if isinstance(condition, All):
        return all(holds(part, facts) for part in condition.parts)
    return any(holds(part, facts) for part in condition.parts)


def _test(test: Test, known: Any) -> bool:
    op, value = test.op, test.value
    unknown = known is None or known == "" or known == ()
    if op == "known":
        return unknown is not value
    if unknown:
        return False
    if op == "is":
        return bool(known == value)
    if op == "is not":
        return bool(known != value)
    if op == "in":
        return known in value
    if op == "not in":
        return known not in value
    if op == "has":
        return value in known
    if op == "contains":
        return value.casefold() in known.casefold()
    if op == "at least":
        return bool(known >= value)
    if op == "at most":
        return bool(known <= value)
    low, high = value  # hours wrap round midnight: between 22 and 6
    return bool(low <= known <= high) if low <= high else bool(known >= low or known <= high)
