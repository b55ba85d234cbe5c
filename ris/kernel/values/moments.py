"""Days and moments from outside, in ISO 8601, within years that every zone and every database can hold.

Years 1 and 9999 are dates in Python, but a zone west or east of Greenwich, a day before or after, or a DICOM DA
is not possible at them. As exam dates they are placeholders or slips of the keyboard.
"""

from __future__ import annotations

from datetime import date, datetime

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from ..errors import Invalid

FIRST_YEAR, LAST_YEAR = 1800, 2999
"""Who was born before, or what is booked after, is not in a radiology department."""


def is_possible(value: date) -> bool:
    """Whether a date or a moment lies in a year that can be worked with."""
    return FIRST_YEAR <= value.year <= LAST_YEAR


def read_moment(text: str, *, at: str) -> datetime:
    """A date and a time, aware; without an offset they are in the present zone. Raises Invalid at the field ``at``."""
    try:
        found = parse_datetime(text.strip())
    except (ValueError, OverflowError):
        found = None
    if found is None or not is_possible(found):
        raise Invalid(
            f"Give a date and a time such as 2026-03-10T14:30, in a year from {FIRST_YEAR} to {LAST_YEAR}.", at=at
        )
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def day_or_none(text: str) -> date | None:
    """A date such as 2026-03-10; None for anything else."""
    try:
        found = parse_date(text.strip())
    except ValueError:
        return None
    return found if found is not None and is_possible(found) else None
