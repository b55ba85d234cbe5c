"""JSON bodies of REST calls: values that no column holds, and too deep nesting, are refused with the field's name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

from ris.kernel.values import MOST_ID

DEEPEST = 64
"""Levels of lists and objects in a body. The deepest one that is of use, a rule, has ten."""

_TOO_DEEP = f"This is nested deeper than {DEEPEST} levels. Send a flatter body."


class PlainJson(JSONParser):
    """JSON of at most :data:`DEEPEST` levels, without NUL characters, half surrogate pairs, and infinite numbers."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            body = super().parse(stream, media_type=media_type, parser_context=parser_context)
        except RecursionError:  # Python's own parser recurses, and gives up before it knows the depth
            raise ParseError(_TOO_DEEP) from None
        for at, fault in faults(body):
            raise ValidationError({at: [fault]} if at else [fault])
        return body


def faults(body: Any) -> Iterator[tuple[str, str]]:
    """Yield (place such as ``procedures[0].code``, what is wrong there)."""
    # A list of places to visit, not recursion: the depth of a body is the caller's choice.
    waiting: list[tuple[str, int, Any]] = [("", 1, body)]
    while waiting:
        at, depth, value = waiting.pop()
        if depth > DEEPEST:
            yield at.partition(".")[0].partition("[")[0], _TOO_DEEP
            return
        if isinstance(value, dict):
            for name, inner in value.items():
                if fault := _fault(name):
                    yield at, f"A name in it: {fault}"
                    continue
                waiting.append((f"{at}.{name}".lstrip("."), depth + 1, inner))
        elif isinstance(value, list):
            waiting += [(f"{at}[{n}]", depth + 1, inner) for n, inner in enumerate(value)]
        elif fault := _fault(value):
            yield at, fault


def _fault(value: Any) -> str:
    """What is wrong with a text or a number; empty: nothing."""
    if isinstance(value, str):
        if "\x00" in value:
            return "NUL characters are not allowed. Take them out."
        # JSON may write "\ud83d" alone (RFC 8259, 8.2); neither UTF-8 nor a database has it.
        if any("\ud800" <= sign <= "\udfff" for sign in value):
            return "Half of a surrogate pair is not a character. Send UTF-8."
    elif isinstance(value, float):
        return "" if math.isfinite(value) else "This number is too large."
    elif isinstance(value, int) and abs(value) > MOST_ID:
        return "This number is too large."
    return ""
