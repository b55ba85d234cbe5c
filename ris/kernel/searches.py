"""What a person types to search: its words, few enough that a database answers them whatever they are."""

from __future__ import annotations

from .errors import Invalid

LONGEST = 200
"""Characters."""
MOST_WORDS = 12
"""Each is a condition of its own."""


def read_words(text: str, *, at: str) -> list[str]:
    """The words of a search. Raises Invalid at the field ``at`` when it is longer than any name."""
    words = text.split()
    if len(text.strip()) > LONGEST or len(words) > MOST_WORDS:
        raise Invalid(f"A search has at most {MOST_WORDS} words and {LONGEST} characters. Ask for less.", at=at)
    return words
