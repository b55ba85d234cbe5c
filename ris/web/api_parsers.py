"""JSON from outside: what a database cannot hold, or Python cannot walk, is refused with the name of the field."""

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
            said = super().parse(stream, media_type=media_type, parser_context=parser_context)
        except RecursionError:
            raise ParseError(_TOO_DEEP) from None
        for at, fault in faults(said):
            raise ValidationError({at: [fault]} if at else [fault])
        return said


def faults(said: Any) -> Iterator[tuple[str, str]]:
    """(place such as ``procedures[0].code``, what is wrong there). Without recursion."""
    waiting: list[tuple[str, int, Any]] = [("", 1, said)]
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
        if any("\ud800" <= sign <= "\udfff" for sign in value):
            return "Half of a surrogate pair is not a character. Send UTF-8."
    elif isinstance(value, float):
        return "" if math.isfinite(value) else "This number is too large."
    elif isinstance(value, int) and abs(value) > MOST_ID:
        return "This number is too large."
    return ""
