"""Transliteration into the character set of a destination.

A sign that the character set lacks is written in signs that it has: dashes and quotes as ASCII, accents dropped, Greek
after ISO 843, Cyrillic and the special Latin letters after ICAO Doc 9303-3, section 6. What has no such writing
becomes ``?`` and is counted, so that the message can be flagged.
"""

from __future__ import annotations

import re
import unicodedata

from ..v2.encoding import escape

PUNCTUATION = {
    **dict.fromkeys("‐‑‒–—―−﹘－", "-"),
    **dict.fromkeys("‘’‚‛′ʼ`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("•●▪■◦‣∙·", "*"),
    **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    **dict.fromkeys("\u2028\u2029\u0085", " "),
    "…": "...", "→": "->", "←": "<-", "↔": "<->", "⇒": "=>", "↑": "up", "↓": "down", "≤": "<=", "≥": ">=",
    "≠": "/=", "≈": "ca.", "±": "+/-", "×": "x", "÷": "/", "⁄": "/", "°": "deg", "µ": "u", "€": "EUR", "£": "GBP",
    "№": "No.", "™": "(TM)", "®": "(R)", "©": "(C)", "∅": "diameter ", "⌀": "diameter ", "✓": "yes", "✔": "yes",
    "✗": "no", "✘": "no", "‰": "per mille", "¿": "?", "¡": "!", "§": "section ",
}  # fmt: skip
LATIN = {
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ẞ": "SS", "å": "aa", "æ": "ae", "ø": "oe", "œ": "oe", "þ": "th",
    "ð": "d", "đ": "d", "ħ": "h", "ı": "i", "ĸ": "q", "ł": "l", "ŋ": "n", "ŧ": "t", "ĳ": "ij", "ə": "e", "ſ": "s",
}  # fmt: skip
CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "i",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "ie", "ы": "y", "ь": "", "э": "e", "ю": "iu",
    "я": "ia", "є": "ie", "і": "i", "ї": "i", "ґ": "g", "ў": "u", "ј": "j", "љ": "lj", "њ": "nj", "џ": "dz", "ђ": "d",
    "ћ": "c", "ѓ": "g", "ќ": "k", "ѕ": "dz",
}  # fmt: skip
GREEK = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
GREEK_NAMES = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi", "ρ": "rho",
    "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
"""A Greek letter that stands alone is a sign of medicine (β-blocker, Δ), not a letter of a name."""
LETTERS = LATIN | CYRILLIC | GREEK
LAST_RESORT = "?"

_GREEK_WORD = re.compile("[Ͱ-Ͽἀ-῿]{2,}")


def transliterate(text: str, codec: str) -> tuple[str, list[int]]:
    """``text`` of a message with every sign in ``codec``, and for each ``?`` the number of its line (CR ends a line).

    ``text`` is HL7 already: a sign that turns into a delimiter is escaped.
    """
    text = unicodedata.normalize("NFC", text)
    if _fits(text, codec):
        return text, []
    in_words = {n for word in _GREEK_WORD.finditer(text) for n in range(*word.span())}
    written: list[str] = []
    lost: list[int] = []
    line = 0
    for n, char in enumerate(text):
        line += char == "\r"
        if _fits(char, codec):
            written.append(char)
            continue
        instead = _replace(char, codec, in_word=n in in_words)
        if instead is None:
            lost.append(line)
        shout = n + 1 < len(text) and text[n + 1].isupper()
        written.append(LAST_RESORT if instead is None else escape(_match_case(instead, char, shout)))
    return "".join(written), lost


def _replace(char: str, codec: str, *, in_word: bool) -> str | None:
    """What is written for one sign; None for what nothing stands for."""
    if char in PUNCTUATION:
        return PUNCTUATION[char]
    if unicodedata.category(char) in ("Cf", "Mn", "Me") or "\ufe00" <= char <= "\ufe0f":
        return ""  # joiners, directions, accents and variants have no sign of their own
    base = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
    letter = base.lower() if len(base) == 1 else char.lower()
    if letter == "μ" and not in_word:
        return "µ" if _fits("µ", codec) else "u"  # the unit, written with the Greek letter
    if letter in GREEK_NAMES and not in_word:
        return GREEK_NAMES[letter]
    if char.lower() in LETTERS:
        return LETTERS[char.lower()]
    if letter in LETTERS:
        return LETTERS[letter]
    base = "".join(PUNCTUATION.get(c, c) for c in base)
    return base if base and _fits(base, codec) else None


def _match_case(instead: str, char: str, shout: bool) -> str:
    """``Щ`` is ``Shch`` in a word and ``SHCH`` among capitals."""
    if not char.isupper() or not instead.islower():
        return instead
    return instead.upper() if shout else instead[:1].upper() + instead[1:]


def _fits(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
