"""Recommendations that an impression states, as offers of rows: pure rules over its sentences, English and German.

An offer is only shown: the reader accepts, edits or rejects it. The same sentence splitter and assertion tagger as the
checks before signing; what is denied, historical or another's is no offer.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from ..checks.assertions import ANOTHER, HISTORICAL, NEGATED, kinds_at
from ..checks.lexicon import names_in, pattern
from ..checks.text import Sentence, Text, sentences

EXAM, PROCEDURE, REFERRAL, LABORATORY = "exam", "procedure", "referral", "laboratory"
MOST_OFFERS = 12
_UNITS = ("days", "weeks", "months", "years")
_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "twelve": 12, "einem": 1, "einer": 1, "zwei": 2, "drei": 3,
    "vier": 4, "sechs": 6, "zwölf": 12,
}  # fmt: skip
_NUMBER = r"(\d{1,3}|" + "|".join(_NUMBERS) + r")"
_LONGEST_DAYS = 10 * 366


@dataclass(frozen=True, slots=True)
class Offer:
    """What a sentence recommends, as far as it says so; dates count from the day of the exam."""

    quote: str
    kind: str
    what: str
    modality: str
    region: str
    earliest: date | None
    latest: date | None
    condition: str


def offers_in(impression: str, *, exam_day: date) -> list[Offer]:
    """The recommendations of an impression, in its order, each sentence once."""
    found = {offer.quote: offer for offer in _offers(sentences(Text(impression=impression)), exam_day)}
    return list(found.values())[:MOST_OFFERS]


def _offers(listed: list[Sentence], exam_day: date) -> Iterator[Offer]:
    for sentence in listed:
        text = sentence.text
        trigger = next(
            (hit for hit in pattern("recommendation", "words").finditer(text) if not _is_denied(text, hit)), None
        )
        if trigger is None:
            continue
        modalities, regions = sorted(names_in("modalities", text)), sorted(names_in("regions", text))
        window = window_of(text, exam_day)
        kind = _kind(text, bool(modalities))
        if not (modalities or window or kind != EXAM):
            continue  # neither an exam nor a time: nothing that could be followed
        earliest, latest = window or (None, None)
        # PET/CT names two modalities and is one exam.
        modality = "PT" if "PT" in modalities else (modalities or [""])[0]
        region = (regions or [""])[0]
        what = " ".join(filter(None, [modality, region.title()])) if kind == EXAM else _named(text, kind)
        yield Offer(text, kind, what, modality, region, earliest, latest, _condition(text))


def _is_denied(text: str, hit: re.Match[str]) -> bool:
    if re.search(r"\b(?:no|kein\w*)\s+(?:\S+\s+){0,4}$", text[: hit.start()], re.IGNORECASE):
        return True
    if re.match(r"(?:\W+\w+){0,2}\W+(?:not|nicht)\b", text[hit.end() :], re.IGNORECASE):
        return True
    return bool(kinds_at(text, *hit.span()) & {NEGATED, HISTORICAL, ANOTHER})


def _kind(text: str, has_modality: bool) -> str:
    for kind in (PROCEDURE, REFERRAL, LABORATORY):
        if pattern("recommendation", kind).search(text) and not (has_modality and kind != PROCEDURE):
            return kind
    return EXAM


def _named(text: str, kind: str) -> str:
    hit = pattern("recommendation", kind).search(text)
    return (hit.group() if hit else kind).capitalize()


def _condition(text: str) -> str:
    hit = pattern("recommendation", "condition").search(text)
    return re.split(r"[,.;]", text[hit.start() :])[0].strip() if hit else ""


def window_of(text: str, day: date) -> tuple[date, date] | None:
    """(earliest, latest) of the time that a sentence names, counted from ``day``; None where it names none.

    "In 6–12 months" is a window; "in 6 months" is one day, and who matches leaves room around it; "within 2 weeks"
    begins at once; "annual" is a year.
    """
    for unit in _UNITS:
        words = pattern("interval_units", unit).pattern
        hit = re.search(rf"{_NUMBER}\s*(?:(?:-|–|to|bis|or|oder)\s*{_NUMBER}\s*)?[- ]?{words}", text, re.IGNORECASE)
        if hit is None:
            continue
        first, last = _number(hit.group(1)), _number(hit.group(2) or hit.group(1))
        before = text[max(0, hit.start() - 24) : hit.start()]
        if pattern("interval_units", "within").search(before):
            return _in_order(day, add(day, last, unit))
        return _in_order(add(day, first, unit), add(day, last, unit))
    if pattern("recommendation", "yearly").search(text):
        return add(day, 1, "years"), add(day, 1, "years")
    return None


def _in_order(first: date, last: date) -> tuple[date, date] | None:
    return (first, last) if first <= last else (last, first)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word.lower()]


def add(day: date, number: int, unit: str) -> date:
    """A day so many days, weeks, months or years later; the end of a month stays one. At most ten years."""
    if unit in ("days", "weeks"):
        return day + timedelta(days=min(number * (7 if unit == "weeks" else 1), _LONGEST_DAYS))
    months = min(number * (12 if unit == "years" else 1), 120)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
