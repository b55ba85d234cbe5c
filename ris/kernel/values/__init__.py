"""Values from outside and values that this system issues: numbers, moments, short texts, identifiers.

What comes from outside (query strings, forms, HL7 fields, commands) is read here, so that a text that is no number is a
refusal with the field's name and not an error of ours.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import date, datetime

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from ..errors import Invalid

# Numbers from outside: query strings, forms, HL7 fields, DICOM values, arguments of commands.
#
# ASCII digits only. ``str.isdigit`` also says yes to "²", which ``int`` refuses, and to digits of other scripts,
# which ``int`` takes; and both take numbers that no column holds.

MOST_ID = 2**63 - 1
"""The largest id that a BigAutoField holds, on every database."""

MOST_NUMBER = 2**31 - 1
"""The largest value of an integer column."""

_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)


def read_id(text: object, *, at: str) -> int:
    """The id of a row, 1 to 2**63 - 1. Raises Invalid at the field ``at``."""
    identifier = id_or_none(text)
    if identifier is None:
        raise Invalid("An id is wanted: a whole number above 0, in digits.", at=at)
    return identifier


def id_or_none(text: object) -> int | None:
    """The id of a row, for a filter that passes over what it cannot read."""
    return number_or_none(text, least=1, most=MOST_ID)


def read_number(text: object, *, at: str, least: int = 0, most: int = MOST_NUMBER) -> int:
    """A whole number from ``least`` (not negative) to ``most``. Raises Invalid at the field ``at``."""
    number = number_or_none(text, least=least, most=most)
    if number is None:
        raise Invalid(f"A whole number from {least} to {most} is wanted, in digits.", at=at)
    return number


def number_or_none(text: object, *, least: int = 0, most: int = MOST_NUMBER) -> int | None:
    """A whole number from ``least`` (not negative) to ``most``; None for anything else. Spaces around it go."""
    digits = str(text).strip(" ")
    if not _DIGITS.fullmatch(digits):
        return None
    return number if least <= (number := int(digits)) <= most else None


# Days and moments from outside, in ISO 8601, within years that every zone and every database can hold.
#
# Years 1 and 9999 are dates in Python, but a zone west or east of Greenwich, a day before or after, or a DICOM DA
# is not possible at them. As exam dates they are placeholders or slips of the keyboard.

FIRST_YEAR, LAST_YEAR = 1800, 2999
"""Who was born before, or what is booked after, is not in a radiology department."""


def is_possible(value: date) -> bool:
    """Whether a date or a moment lies in a year that can be worked with."""
    return FIRST_YEAR <= value.year <= LAST_YEAR


def read_moment(text: str, *, at: str) -> datetime:
    """A date and a time, aware; without an offset they are in the present zone. Raises Invalid at the field ``at``."""
    try:
        moment = parse_datetime(text.strip())
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not is_possible(moment):
        raise Invalid(
            f"Give a date and a time such as 2026-03-10T14:30, in a year from {FIRST_YEAR} to {LAST_YEAR}.", at=at
        )
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def day_or_none(text: str) -> date | None:
    """A date such as 2026-03-10; None for anything else."""
    try:
        day = parse_date(text.strip())
    except ValueError:
        return None
    return day if day is not None and is_possible(day) else None


# Short texts that people type: what they search for, and why they do something.

LONGEST = 200
"""Characters of a search: longer than any name."""
MOST_REASON = 250
"""Characters that the audit keeps, and every other column of a reason."""
MOST_WORDS = 12
"""Each is a condition of its own, so their number bounds what a database has to do."""


def is_storable(value: object) -> bool:
    """Whether both databases keep a value of JSON: no NUL, no half of a surrogate pair, no NaN."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return False
    return "\\u0000" not in text


def read_words(text: str, *, at: str) -> list[str]:
    """The words of a search. Raises Invalid at the field ``at`` when it is longer than any name."""
    words = text.split()
    if len(text.strip()) > LONGEST or len(words) > MOST_WORDS:
        raise Invalid(f"A search has at most {MOST_WORDS} words and {LONGEST} characters. Ask for less.", at=at)
    return words


def read_reason(text: str, cure: str = "Give a reason.") -> str:
    """The reason for an act, which the audit keeps. Raises Invalid at ``reason``: with ``cure`` when it is empty."""
    reason = text.strip()
    if not reason:
        raise Invalid(cure, at="reason")
    check_reason(reason)
    return reason


def check_reason(text: str) -> None:
    """Raise Invalid at ``reason`` when it is longer than what the audit keeps."""
    if len(text) > MOST_REASON:
        raise Invalid(f"A reason has at most {MOST_REASON} characters. Shorten it.", at="reason")


# Identifiers that this system issues.
#
# Numbers are made from primary keys, which a database never hands out twice; UIDs from random UUIDs.


def new_uid() -> str:
    """A DICOM UID made from a random UUID, at most 44 characters (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"
