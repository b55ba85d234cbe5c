"""What is wrong with a list of rules that can each be read: some never act, some contradict each other.

Conditions are brought into alternatives of simple constraints ("boxes"). A rule is unreachable when, for each
of its effects, every box lies inside a box of an earlier rule that sets the same effect (or stops). Two rules
conflict when they set an effect to different values, some case could meet both, and neither is the special case
of the other. Texts tested with ``contains`` are not looked into, so a warning is never false, but one can be missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

from ..facts import NAMES
from .conditions import All, Condition, Not, Test
from .parser import Rule

MOST_BOXES = 64


@dataclass(frozen=True, slots=True)
class Flaw:
    """``kind`` is impossible, unreachable or conflict; ``rule`` and ``other`` are names."""

    kind: str
    rule: str
    sentence: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """Allowed values of a fact: some, all but some, or an interval of numbers. ``known`` False: must be unknown."""

    some: frozenset[Any] | None = None
    but: frozenset[Any] = frozenset()
    low: float = float("-inf")
    high: float = float("inf")
    known: bool | None = True

    def allows(self, value: Any) -> bool:
        """Whether the fact may have this value."""
        if self.some is not None and value not in self.some:
            return False
        if value in self.but:
            return False
        return not isinstance(value, int | float) or self.low <= value <= self.high

    def meet(self, other: Values) -> Values:
        """What both allow."""
        some = self.some if other.some is None else other.some if self.some is None else self.some & other.some
        but = self.but | other.but
        low, high = max(self.low, other.low), min(self.high, other.high)
        joined = Values(some, but, low, high, self.known)
        if some is not None:
            joined = Values(frozenset(v for v in some if joined.allows(v)), known=self.known)
        if self.known is not other.known:
            return Values(frozenset())
        return joined

    def empty(self) -> bool:
        """Whether no value is allowed."""
        return (self.some is not None and not self.some) or self.low > self.high

    def within(self, other: Values) -> bool:
        """Whether every value allowed here is allowed there; False when it cannot be told."""
        if self.known is not other.known:
            return False
        if self.some is not None:
            return all(other.allows(value) for value in self.some)
        if other.some is not None:
            return False
        return self.low >= other.low and self.high <= other.high and other.but <= self.but


Box = dict[Any, Values]
"""Fact (or, for what cannot be looked into, the test itself) → allowed values."""


def check(rules: Sequence[Rule]) -> list[Flaw]:
    """Flaws, in the order of the rules."""
    flaws: list[Flaw] = []
    boxed = [list(boxes(rule.when)) for rule in rules]
    for n, rule in enumerate(rules):
        if not boxed[n]:
            flaws.append(Flaw("impossible", rule.name, f"“{rule.name}” can never be true."))
            continue
        earlier = [(rules[m], boxed[m]) for m in range(n)]
        blockers = _blockers(rule, boxed[n], earlier)
        if blockers is not None:
            names = " and ".join(f"“{name}”" for name in blockers)
            text = f"“{rule.name}” never acts: {names} before it decides every case that it is about."
            flaws.append(Flaw("unreachable", rule.name, text, ", ".join(blockers)))
            continue
        for other, other_boxes in earlier:
            effects = sorted(e for e in rule.then if e in other.then and other.then[e] != rule.then[e])
            if effects and _days_meet(rule, other) and _clash(boxed[n], other_boxes):
                text = f"Some cases meet both “{other.name}” and “{rule.name}”, which differ in {', '.join(effects)}; "
                flaws.append(Flaw("conflict", rule.name, text + "the first one wins.", other.name))
    return flaws


def _blockers(rule: Rule, own_boxes: list[Box], earlier: list[tuple[Rule, list[Box]]]) -> list[str] | None:
    names: list[str] = []
    for effect in rule.then:
        for box in own_boxes:
            by = next(
                (
                    other.name
                    for other, other_boxes in earlier
                    if (effect in other.then or other.stop)
                    and _days_cover(other, rule)
                    and any(_inside(box, outer) for outer in other_boxes)
                ),
                None,
            )
            if by is None:
                return None
            names += [by] if by not in names else []
    return names


def _inside(box: Box, outer: Box) -> bool:
    return all(fact in box and box[fact].within(values) for fact, values in outer.items())


def _clash(own_boxes: list[Box], other_boxes: list[Box]) -> bool:
    return any(
        not _inside(a, b) and not _inside(b, a) and _join(a, b) is not None for a, b in product(own_boxes, other_boxes)
    )


def _days_cover(outer: Rule, inner: Rule) -> bool:
    starts = (outer.since or date.min) <= (inner.since or date.min)
    return starts and (outer.until or date.max) >= (inner.until or date.max)


def _days_meet(a: Rule, b: Rule) -> bool:
    return max(a.since or date.min, b.since or date.min) <= min(a.until or date.max, b.until or date.max)


def boxes(condition: Condition) -> Iterator[Box]:
    """The alternatives of a condition, without those that cannot be; at most MOST_BOXES are looked at."""
    for n, box in enumerate(_boxes(condition, True)):
        if n >= MOST_BOXES:
            return
        yield box


def _boxes(condition: Condition, positive: bool) -> Iterator[Box]:
    if isinstance(condition, Not):
        yield from _boxes(condition.part, not positive)
    elif isinstance(condition, Test):
        yield from _test(condition, positive)
    elif isinstance(condition, All) is positive:  # all of them, or: not any of them
        yield from _every(condition.parts, positive)
    else:
        for part in condition.parts:
            yield from _boxes(part, positive)


def _every(parts: Sequence[Condition], positive: bool) -> Iterator[Box]:
    if not parts:
        yield {}
        return
    for head in _boxes(parts[0], positive):
        for rest in _every(parts[1:], positive):
            joined = _join(head, rest)
            if joined is not None:
                yield joined


def _join(a: Box, b: Box) -> Box | None:
    joined = dict(a)
    for fact, values in b.items():
        met = joined[fact].meet(values) if fact in joined else values
        if met.empty():
            return None
        joined[fact] = met
    return joined


def _test(test: Test, positive: bool) -> Iterator[Box]:
    fact, op, value = test.fact, test.op, test.value
    if op in ("contains", "has"):
        yield {test: Values(frozenset([positive]))}
        return
    if op == "known":
        yield {fact: Values(known=value is positive)}
        return
    if not positive:
        yield {fact: Values(known=False)}  # the test does not hold of what is unknown
    truth = {"is": positive, "in": positive, "is not": not positive, "not in": not positive}
    if op in truth:
        values = frozenset(value if op in ("in", "not in") else [value])
        if NAMES[fact] is bool:
            yield {fact: Values(frozenset(v for v in (True, False) if (v in values) is truth[op]))}
        else:
            yield {fact: Values(values) if truth[op] else Values(but=values)}
        return
    yield from ({fact: Values(low=low, high=high)} for low, high in _intervals(op, value, positive))


def _intervals(op: str, value: Any, positive: bool) -> list[tuple[float, float]]:
    """Closed intervals; facts that are ordered are whole numbers or measured coarsely, so 1e-9 is past."""
    inf = float("inf")
    low, high = (value, inf) if op == "at least" else (-inf, value) if op == "at most" else value
    if low > high:  # round midnight
        return [(low, inf), (-inf, high)] if positive else [(high + 1e-9, low - 1e-9)]
    if positive:
        return [(low, high)]
    return [pair for pair in ((-inf, low - 1e-9), (high + 1e-9, inf)) if pair[0] < pair[1]]
