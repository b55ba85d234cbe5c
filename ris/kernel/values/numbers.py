"""Numbers from outside: query strings, forms, HL7 fields, DICOM values, arguments of commands.

ASCII digits only. ``str.isdigit`` also says yes to "²", which ``int`` refuses, and to digits of other scripts,
which ``int`` takes; and both take numbers that no column holds.
"""

from __future__ import annotations

import re

from ..errors import Invalid

MOST_ID = 2**63 - 1
"""The largest id that a BigAutoField holds, on every database."""

MOST_NUMBER = 2**31 - 1
"""The largest value of an integer column."""

_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)


def read_id(text: object, *, at: str) -> int:
    """The id of a row, 1 to 2**63 - 1. Raises Invalid at the field ``at``."""
    found = id_or_none(text)
    if found is None:
        raise Invalid("An id is wanted: a whole number above 0, in digits.", at=at)
    return found


def id_or_none(text: object) -> int | None:
    """The id of a row, for a filter that passes over what it cannot read."""
    return number_or_none(text, least=1, most=MOST_ID)


def read_number(text: object, *, at: str, least: int = 0, most: int = MOST_NUMBER) -> int:
    """A whole number from ``least`` (not negative) to ``most``. Raises Invalid at the field ``at``."""
    found = number_or_none(text, least=least, most=most)
    if found is None:
        raise Invalid(f"A whole number from {least} to {most} is wanted, in digits.", at=at)
    return found


def number_or_none(text: object, *, least: int = 0, most: int = MOST_NUMBER) -> int | None:
    """A whole number from ``least`` (not negative) to ``most``; None for anything else. Spaces around it go."""
    digits = str(text).strip(" ")
    if not _DIGITS.fullmatch(digits):
        return None
    return number if least <= (number := int(digits)) <= most else None
