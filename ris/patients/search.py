"""What a patient is found by: parts of their names, birth dates and numbers in the writings that people use. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ris.kernel.errors import Invalid

from .matching import fold

MOST_TOKEN = 64
"""Characters of a token; longer parts of names are cut."""
MOST_TOKENS = 40
"""Of one patient; bounds what a hostile name costs."""
MOST_WORDS = 8
"""Of a search."""

# Between the parts of a name; signs within a part (O'Neil, St.) fall away instead.
_SEPARATORS = re.compile(r"[\s^=\-‐‑–,;/()·・]+")
_DROPPED = re.compile(r"['’`´.]")
# Letters that many write as two: a name with one of them is found by both writings.
_WRITTEN_AS_TWO = str.maketrans({"Ä": "AE", "Ö": "OE", "Ü": "UE", "Å": "AA", "Ø": "OE", "Æ": "AE", "Ñ": "NN"})


@dataclass(frozen=True, slots=True)
class PatientSearch:
    """A text to find patients by, taken apart.

    ``words``: each has to begin a part of the name; a word is its folded writings, of which any will do. ``dates``: the
    birth date is one of them; ``year``: or it lies in that year. ``numbers``: an identifier begins with one of them.
    """

    words: tuple[tuple[str, ...], ...] = ()
    dates: tuple[date, ...] = ()
    year: int | None = None
    numbers: tuple[str, ...] = ()


def name_tokens(family: str, given: str, middle: str, ideographic: str = "", phonetic: str = "") -> list[str]:
    """What the words of a search may begin: each part of each name, double names also run together.

    Of scripts without spaces (Han, Kana, Hangul) every ending is a token, so that any part of the name is found.
    """
    tokens: dict[str, None] = {}
    for name in (family, given, middle, ideographic, phonetic):
        for component in re.split(r"[\^=]", name[:200]):
            for token in _tokens_of(component):
                tokens.setdefault(token[:MOST_TOKEN])
    whole = "".join(c for c in ideographic if c.isalnum())
    if whole and _is_unspaced(whole):
        tokens.update(dict.fromkeys(_endings(whole)))
    return list(tokens)[:MOST_TOKENS]


def _tokens_of(component: str) -> Iterator[str]:
    for writing in _writings(component):
        parts = _parts(writing)
        for part in parts:
            yield from _endings(part) if _is_unspaced(part) else (part,)
        # "van Dyk" is found as VANDYK, and by each of its parts.
        yield from ("".join(parts[n:]) for n in range(len(parts) - 1))


def _writings(text: str) -> list[str]:
    """Folded, and, where it has letters that many write as two, in that writing too."""
    composed = unicodedata.normalize("NFC", text).upper()
    return list(dict.fromkeys([fold(text), fold(composed.translate(_WRITTEN_AS_TWO))]))


def _parts(folded: str) -> list[str]:
    return [part for part in _SEPARATORS.split(_DROPPED.sub("", folded)) if part]


def _is_unspaced(text: str) -> bool:
    """Whether it is of a script that puts no spaces between words: Han, Kana, Hangul."""
    return bool(text) and all("\u2e80" <= c <= "\ud7ff" or "\U00020000" <= c <= "\U0003ffff" for c in text)


def _endings(text: str) -> list[str]:
    return [text[n:] for n in range(min(len(text), 16))]


def read_search(text: str, *, today: date) -> PatientSearch:
    """Take a search apart; two-digit years are of the hundred years before ``today``.

    Raises Invalid at ``text`` for more words than any name has.
    """
    dates, rest = _take_dates(text, today)
    words = _parts(fold(rest))
    if len(words) > MOST_WORDS:
        raise Invalid(f"Search with at most {MOST_WORDS} words.", at="text")
    # Eight digits may be a birth date or a number: whoever fits either is shown.
    plain = text.strip()
    numbers = [plain, plain.upper()] if any(c.isdigit() for c in plain) and len(plain) <= MOST_TOKEN else []
    year = next((int(word) for word in words if re.fullmatch(r"(18|19|20)\d\d", word)), None) if not dates else None
    if year is not None and len(words) > 1:
        words.remove(str(year))
    else:
        year = None
    return PatientSearch(
        tuple(tuple(dict.fromkeys(_word_writings(word, rest))) for word in words), tuple(dates), year,
        tuple(dict.fromkeys(numbers)),
    )  # fmt: skip


def _word_writings(word: str, text: str) -> list[str]:
    """The folded word, and what it is where its letters are written as two."""
    for raw in _SEPARATORS.split(text):
        writings = ["".join(_parts(writing)) for writing in _writings(raw)]
        if writings[0] == word:
            return writings
    return [word]


_MONTHS = {name: number for number, names in enumerate(
    ("JAN", "FEB", "MAR MÄR MRZ", "APR", "MAY MAI", "JUN", "JUL", "AUG", "SEP", "OCT OKT", "NOV", "DEC DEZ"), start=1)
    for name in names.split()}  # fmt: skip
_WRITINGS = (
    # year, month, day with any sign between; Japanese and Chinese
    (re.compile(r"(?<!\d)(?P<y>\d{4})[-./年](?P<m>\d{1,2})[-./月](?P<d>\d{1,2})日?(?!\d)"), ("ymd",)),
    (re.compile(r"(?<!\d)(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?!\d)"), ("ymd",)),
    (re.compile(r"(?<!\d)(?P<d>\d\d)(?P<m>\d\d)(?P<y>\d{4})(?!\d)"), ("dmy", "mdy")),
    (re.compile(r"(?<!\d)(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4}|\d\d)(?!\d)"), ("dmy",)),
    (re.compile(r"(?<!\d)(?P<d>\d{1,2})[-/](?P<m>\d{1,2})[-/](?P<y>\d{4}|\d\d)(?!\d)"), ("dmy", "mdy")),
    (re.compile(r"(?<!\d)(?P<d>\d{1,2})[. -]{0,2}(?P<m>[^\W\d]{3,9})[. ,-]{1,2}(?P<y>\d{4})(?!\d)"), ("dmy",)),
    (re.compile(r"\b(?P<m>[^\W\d]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})(?!\d)"), ("dmy",)),
)


def _take_dates(text: str, today: date) -> tuple[list[date], str]:
    """The first date in the text in each way to read it, and the text without it."""
    for pattern, orders in _WRITINGS:
        for match in pattern.finditer(text):
            day, month, year = match["d"], match["m"], match["y"]
            read = [_date(year, month, day, today)]
            if "mdy" in orders:
                read.append(_date(year, day, month, today))
            dates = list(dict.fromkeys(filter(None, read)))
            if dates:
                return dates, f"{text[: match.start()]} {text[match.end() :]}"
    return [], text


def _date(year: str, month: str, day: str, today: date) -> date | None:
    number = int(month) if month.isdecimal() else _MONTHS.get(month.upper()[:3])
    full = int(year)
    if len(year) == 2:
        full += today.year // 100 * 100
        full -= 100 if full > today.year else 0
    try:
        born = date(full, number or 0, int(day))
    except ValueError:
        return None
    return born if 1850 <= full <= today.year + 1 else None
