"""Short texts that people type: what they search for, and why they do something."""

from __future__ import annotations

from ..errors import Invalid

LONGEST = 200
"""Characters of a search: longer than any name."""
MOST_REASON = 250
"""Characters that the audit keeps, and every other column of a reason."""
MOST_WORDS = 12
"""Each is a condition of its own, so their number bounds what a database has to do."""


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
