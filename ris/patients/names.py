"""Names as they are compared: upper case, without accents, one space between words."""

from __future__ import annotations

import unicodedata

_LETTERS = str.maketrans({"ß": "SS", "Ø": "O", "ø": "O", "Æ": "AE", "æ": "AE", "Ł": "L", "ł": "L", "Đ": "D", "đ": "D"})


def fold(text: str) -> str:
    """``"Müller  van  Dyk"`` → ``"MULLER VAN DYK"``. Scripts without case or accents pass unchanged."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).upper().split())


def search_name(family: str, given: str, middle: str, ideographic: str = "", phonetic: str = "") -> str:
    """What a name search looks at: ``FAMILY^GIVEN^MIDDLE``, then the other groups after ``=`` (PS3.5 6.2.1)."""
    groups = ["^".join(filter(None, [family, given, middle])), ideographic, phonetic]
    return "=".join(fold(group) for group in groups).rstrip("=")
