"""The only place that knows hl7apy: strict checks of what we send, names of fields for people who look."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from hl7apy import load_reference
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message
from hl7apy.validation import Validator

VERSIONS = ("2.3.1", "2.4", "2.5", "2.5.1")
"""Versions that we write. (hl7apy's group tables of 2.6 and later refuse a second COMMON_ORDER.)"""


_DATA = re.compile(r"(\rOBX\|\d*\|ED\|[^\r]*?\^Base64\^[A-Za-z0-9+/]{0,64})[A-Za-z0-9+/=]*")
"""Encapsulated data beyond its beginning: hl7apy knows a largest size for it, where the standard has none."""


def why_invalid(text: str) -> str:
    """Check a message strictly against the structure of its version: what is wrong with it; empty when nothing is."""
    text = _DATA.sub(r"\1", text)
    try:
        message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        if message.name == "ORM_O01":
            _validate_segments(message)
        else:
            Validator.validate(message)
    except HL7apyException as error:
        return f"{type(error).__name__}: {error}"[:250]
    except Exception as error:  # hl7apy stumbles over some input with plain Python errors
        return f"Not checkable: {type(error).__name__}"
    return ""


def _validate_segments(group: Any) -> None:
    """Each segment by itself: hl7apy takes the choice that an ORM offers (OBR or RQD or RXO …) for "all of them"."""
    for child in group.children:
        if child.classname == "Segment":
            if not child.name.startswith("Z"):
                Validator.validate(child)
        else:
            _validate_segments(child)


@lru_cache(maxsize=512)
def field_names(segment: str, version: str) -> dict[int, str]:
    """Field number → name, such as 18 → ``PLACER FIELD 1``; empty for a segment or version that is not known."""
    try:
        reference = load_reference(segment, "Segment", version if version in _KNOWN else "2.5.1")
    except Exception:  # Z-segments; whatever else hl7apy does not know
        return {}
    names: dict[int, str] = {}
    for child in reference[1]:
        number = int(child[0].rsplit("_", 1)[1])
        names[number] = str(child[1][3] or "").replace("_", " ").capitalize()
    return names


_KNOWN = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
