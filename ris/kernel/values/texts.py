"""Short texts that people type: what they search for, and why they do something."""

from __future__ import annotations

from ..errors import Invalid

LONGEST = 200
"""Characters of a search: longer than any name."""
MOST_WORDS = 12
"""Each is a condition of its own, so their number bounds what a database has to do."""


def read_words(text: str, *, at: str) -> list[str]:
    """The words of a search. Raises Invalid at the field ``at`` when it is longer than any name."""
    words = text.split()
    if len(text.strip()) > LONGEST or len(words) > MOST_WORDS:
        raise Invalid(f"A search has at most {MOST_WORDS} words and {LONGEST} characters. Ask for less.", at=at)
    return words


def read_reason(text: str, cure: str = "Give a reason.") -> str:
    """The reason for an act, which the audit keeps. Raises Invalid at ``reason`` with ``cure`` when it is empty."""
    reason = text.strip()
    if not reason:
        raise Invalid(cure, at="reason")
    return reason
