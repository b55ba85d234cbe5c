"""Check of dates: a comparison with a prior exam that this patient does not have, or that lies in the future."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from .facts import Facts, PriorExam
from .lexicon import names_in, pattern
from .text import LIKELY, SURE, Remark, Sentence, Text, remark_on, sentences

_MONTH_NAMES = (
    "jan|january|januar", "feb|february|februar", "mar|march|märz|mär", "apr|april", "may|mai", "jun|june|juni",
    "jul|july|juli", "aug|august", "sep|sept|september", "oct|october|okt|oktober", "nov|november",
    "dec|december|dez|dezember",
)  # fmt: skip
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split("|")}
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = re.compile(
    rf"(?P<iso>\b\d{{4}}-\d{{1,2}}-\d{{1,2}}\b)"
    rf"|(?P<dots>\b\d{{1,2}}\.\d{{1,2}}\.(?:\d{{4}}|\d{{2}})\b)"
    rf"|(?P<slashes>\b\d{{1,2}}/\d{{1,2}}/(?:\d{{4}}|\d{{2}})\b)"
    rf"|(?P<dmy>\b\d{{1,2}}(?:st|nd|rd|th|\.)?[ -](?:{_NAMES})\.?,?[ -]\d{{4}}\b)"
    rf"|(?P<mdy>\b(?:{_NAMES})\.? \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}\b)"
    rf"|(?P<my>\b(?:{_NAMES})\.?,? \d{{4}}\b)"
    rf"|(?P<y>\b(?:from|of|in|dated|CT|MRI?|radiographs?|ultrasound|vom|aus) (?:19|20)\d{{2}}\b(?![-./]\d))",
    re.IGNORECASE,
)
_ACCESSION = re.compile(
    r"\b(?:accession(?: number| no\.?)?|acc\.?(?: no\.?)?|#)[:# ]*([A-Z]{0,6}-?\d[\w-]{2,})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class MentionedDate:
    """A date in a text: its readings (day, month or year only as the first of it), and how exact it is."""

    readings: tuple[date, ...]
    exact: str
    span: tuple[int, int]

    def fits(self, day: date) -> bool:
        """Whether it may be this day."""
        if self.exact == "y":
            return any(reading.year == day.year for reading in self.readings)
        if self.exact == "my":
            return any((reading.year, reading.month) == (day.year, day.month) for reading in self.readings)
        return day in self.readings


def prior_date(facts: Facts, text: Text) -> Iterator[Remark]:
    """A comparison names a date or accession number of no prior exam, or one after the exam.

    Not what was done elsewhere, and not the date of an operation.
    """
    for sentence in sentences(text):
        if sentence.section != "comparison" and not pattern("elsewhere", "compared").search(sentence.text):
            continue
        is_elsewhere = pattern("elsewhere", "words").search(sentence.text) is not None
        for mentioned in dates_in(sentence.text):
            remark = _remark(facts, sentence, mentioned, is_elsewhere)
            if remark is not None:
                yield remark
        if not is_elsewhere:
            yield from _other_accessions(facts, sentence)


def _remark(facts: Facts, sentence: Sentence, mentioned: MentionedDate, is_elsewhere: bool) -> Remark | None:
    quoted = sentence.text[slice(*mentioned.span)]
    exam = facts.exam_date
    future = exam is not None and mentioned.exact == "day" and all(reading > exam for reading in mentioned.readings)
    future = future or (exam is not None and mentioned.exact == "y" and mentioned.readings[0].year > exam.year)
    if exam is not None and mentioned.exact == "my":
        future = (mentioned.readings[0].year, mentioned.readings[0].month) > (exam.year, exam.month)
    if future and not re.search(
        r"\b(?:follow|recommend|next|scheduled|kontrolle|due)\w*", sentence.text, re.IGNORECASE
    ):
        return remark_on("prior date", sentence, f"“{quoted}” is after the exam.", mentioned.span, certainty=SURE)
    if facts.priors is None or is_elsewhere:
        return None
    dated = [prior for prior in facts.priors if prior.day is not None]
    if len(dated) != len(facts.priors):
        return None  # a prior whose date is not known may be the one that is meant
    fitting = [prior for prior in dated if prior.day is not None and mentioned.fits(prior.day)]
    if not fitting:
        if exam is not None and mentioned.fits(exam) and sentence.section != "comparison":
            return None
        return remark_on(
            "prior date", sentence, f"The patient has no prior exam of “{quoted}”.", mentioned.span, certainty=LIKELY
        )
    return _other_modality(sentence, mentioned, fitting, dated)


def _other_modality(
    sentence: Sentence, mentioned: MentionedDate, fitting: list[PriorExam], dated: list[PriorExam]
) -> Remark | None:
    """The prior of that date is of another modality than the one that is named just before it."""
    before = sentence.text[max(0, mentioned.span[0] - 40) : mentioned.span[0]]
    named = names_in("modalities", re.split(r"[,;]| and ", before)[-1])
    known = {name for prior in fitting for name in _modalities(prior)}
    if len(named) == 1 and known and not named & known and all(_modalities(prior) for prior in fitting):
        return remark_on(
            "prior date",
            sentence,
            "The prior exam of that date is of another modality.",
            mentioned.span,
            certainty=0.75,
        )
    return None


def _modalities(prior: PriorExam) -> set[str]:
    same = {"CR": "XR", "DX": "XR", "DR": "XR", "MRI": "MR", "PET": "PT"}
    known = {same.get(prior.modality, prior.modality)} - {""}
    return known or set(names_in("modalities", prior.description))


def _other_accessions(facts: Facts, sentence: Sentence) -> Iterator[Remark]:
    known = {prior.accession.lower() for prior in facts.priors or () if prior.accession}
    if facts.priors is None or (facts.priors and not known):
        return
    for hit in _ACCESSION.finditer(sentence.text):
        if hit.group(1).lower() not in known:
            yield remark_on(
                "prior date", sentence, "No prior exam of the patient has this accession number.", hit.span()
            )


def dates_in(text: str) -> list[MentionedDate]:
    """The dates of a sentence. One with slashes has two readings where both can be."""
    dates = []
    for hit in _DATES.finditer(text):
        kind = hit.lastgroup or ""
        readings = tuple(dict.fromkeys(day for day in _readings(kind, hit.group()) if day is not None))
        span = hit.span()
        if kind == "y":
            span = (hit.end() - 4, hit.end())
        if readings:
            dates.append(MentionedDate(readings, kind if kind in ("my", "y") else "day", span))
    return dates


def _readings(kind: str, text: str) -> Iterator[date | None]:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    month = next((_MONTHS[word.lower()] for word in re.findall(r"[A-Za-zä]+", text) if word.lower() in _MONTHS), 0)
    if kind == "iso":
        yield _day(*numbers)
    elif kind == "dots":
        yield _day(numbers[2], numbers[1], numbers[0])
    elif kind == "slashes":
        yield _day(numbers[2], numbers[0], numbers[1])
        # Day and month first are both usual with slashes; what fits either way is no fault.
        yield _day(numbers[2], numbers[1], numbers[0])
    elif kind == "dmy" or kind == "mdy":
        yield _day(numbers[1], month, numbers[0])
    elif kind == "my":
        yield _day(numbers[0], month, 1)
    else:
        yield _day(numbers[-1], 1, 1)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
