"""Wildcard matching of DICOM (PS3.4 C.2.2.2.4): ``*`` is any run of characters, also none, and ``?`` is any one.

Every pattern comes from outside, so none may cost more than another: a text is read once, from left to right,
and nothing is ever tried again.
"""

from __future__ import annotations

from collections.abc import Iterable


class Wildcard:
    """A pattern, ready to be asked whether it fits a text. Case counts.

    All the places in the pattern that a text may have come to so far are the bits of one number. A character of the
    text moves each of them one place on, where it fits there, and leaves those that stand at a ``*`` where they are.
    """

    __slots__ = ("_at", "_everywhere", "_last", "_staying")

    def __init__(self, pattern: str) -> None:
        self._at: dict[str, int] = {}
        self._everywhere = self._staying = 0
        place = 1
        for character in pattern:
            if character == "*":
                self._staying |= place
                continue
            if character == "?":
                self._everywhere |= place
            else:
                self._at[character] = self._at.get(character, 0) | place
            place <<= 1
        self._last = place

    def fits(self, text: Iterable[str]) -> bool:
        """Whether the whole text, character by character, fits. Reads each character at most once."""
        places = 1
        for character in text:
            moving = places & (self._at.get(character, 0) | self._everywhere)
            places = moving << 1 | places & self._staying
            if not places:
                return False
        return bool(places & self._last)
