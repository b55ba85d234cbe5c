"""Which values a report states in the fields of its template. Pure functions.

A field is found again by the words around it on its line. What stands at two places, or under another unit than the
template's, is not taken: no value is better than a wrong one.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..writing.fields import Field, fields_of

_NUMBER = r"[-+−]?\d+(?:[.,]\d+)?"
_TOLERANCE = 0.006
"""Of a computed number that was rounded for the text: half of its last shown digit, for two digits and more."""
_OPERATORS: dict[type[ast.AST], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.USub: operator.neg,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stated:
    """A value and its place, [start, end), in the section."""

    name: str
    element: str
    code: str
    number: float | None
    text: str
    unit: str
    start: int
    end: int
    source: str


def stated_values(template: str, known: Mapping[str, Any], report: str) -> list[Stated]:
    """The values of a section that was begun from ``template``; ``known``: properties of its fields."""
    found = [
        value for field, before, after in _contexts(template) if (value := _value(field, before, after, known, report))
    ]
    numbers = {value.name: value.number for value in found if value.number is not None}
    return [_with_source(value, known, numbers) for value in found]


def compute(formula: str, numbers: Mapping[str, float]) -> float | None:
    """The result of an arithmetic formula over fields (blanks in names are ``_``); None where it cannot be had."""
    names = {re.sub(r"\W", "_", name): number for name, number in numbers.items()}
    try:
        result = _evaluated(ast.parse(formula, mode="eval").body, names)
    except (SyntaxError, ValueError, KeyError, TypeError, ZeroDivisionError, OverflowError, RecursionError):
        return None
    return result if math.isfinite(result) else None


def _evaluated(node: ast.AST, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return float(_OPERATORS[type(node.op)](_evaluated(node.left, names), _evaluated(node.right, names)))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return float(_OPERATORS[type(node.op)](_evaluated(node.operand, names)))
    raise ValueError("not arithmetic")


def _contexts(template: str) -> Iterator[tuple[Field, str, str]]:
    """Each field with the words before and after it on its line, up to its neighbours and to filled-in parts."""
    fields = list(fields_of(template))
    for n, field in enumerate(fields):
        start = max(fields[n - 1].end if n else 0, template.rfind("\n", 0, field.start) + 1)
        line_end = template.find("\n", field.end)
        end = min(
            fields[n + 1].start if n + 1 < len(fields) else len(template), line_end if line_end >= 0 else len(template)
        )
        before = template[start : field.start].rpartition("}")[2]
        after = template[field.end : end].partition("{")[0]
        yield field, before, after


def _value(field: Field, before: str, after: str, known: Mapping[str, Any], report: str) -> Stated | None:
    properties = known.get(field.name, {})
    kind = str(properties.get("type") or ("SELECTION_LIST" if len(field.options) > 1 else "TEXT"))
    if kind not in ("NUMERIC", "SELECTION_LIST", "CHECKBOX") and not properties.get("element"):
        return None
    if not before.strip() and not after.strip():
        return None
    options = sorted((option for option in field.options if option), key=len, reverse=True)
    if kind == "NUMERIC":
        words = _NUMBER
    elif kind in ("SELECTION_LIST", "CHECKBOX") and options:
        words = "|".join(re.escape(option) for option in options)
    else:
        words = r"[^\n]{1,200}?"
    end = r"(?![\w])" if kind != "TEXT" else ""
    # The first word after it is enough, and tells the unit; what follows that may be another sentence.
    next_word = after.split()[0].rstrip(".,;:") if after.strip() else ""
    following = re.escape(next_word) + r"(?!\w)" if next_word else r"(?=$|[\s.,;])"
    pattern = rf"{_literal(before)}\s*(?P<value>{words}){end}\s*{following}"
    places = list(re.finditer(pattern, report, re.IGNORECASE | re.MULTILINE))
    if len(places) != 1:
        return None
    text = places[0]["value"]
    option = next((option for option in options if option.lower() == text.lower()), "")
    return Stated(
        name=field.name, element=str(properties.get("element") or field.name),
        code=str(properties.get("codes", {}).get(option, "")), text=text, unit=str(properties.get("unit") or ""),
        number=float(text.replace("−", "-").replace(",", ".")) if kind == "NUMERIC" else None,
        start=places[0].start("value"), end=places[0].end("value"), source="picked" if option else "typed",
    )  # fmt: skip


def _literal(words: str) -> str:
    # A word at the edge must be whole: "size" is not the end of "oversize".
    edge = r"(?<!\w)" if words.strip()[:1].isalnum() else ""
    return edge + r"\s+".join(re.escape(word) for word in words.split())


def _with_source(value: Stated, known: Mapping[str, Any], numbers: Mapping[str, float]) -> Stated:
    formula = known.get(value.name, {}).get("computed")
    if not formula or value.number is None:
        return value
    others = {name: number for name, number in numbers.items() if name != value.name}
    result = compute(str(formula), others)
    digits = len(re.split("[.,]", value.text)[1]) if re.search("[.,]", value.text) else 0
    if result is None or abs(result - value.number) > 0.5 * 10**-digits + _TOLERANCE * 10**-digits:
        return value
    return Stated(**{name: getattr(value, name) for name in Stated.__slots__} | {"source": "computed"})
