"""Checks of the person: organs of the other sex, and words that are of another patient."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from .assertions import ANOTHER, kinds_at
from .facts import Facts
from .lexicon import pattern
from .text import LIKELY, UNSURE, Remark, Sentence, Text, remark_on, sentences

_OTHER = {"F": "M", "M": "F"}
# fmt: off
_IDENTITIES = {
    "f": "F", "female": "F", "woman": "F", "cis woman": "F", "cisgender woman": "F", "cis female": "F", "m": "M",
    "male": "M", "man": "M", "cis man": "M", "cisgender man": "M", "cis male": "M",
}
# fmt: on
_AGE = re.compile(
    r"\b(\d{1,3})[- ](?:year|yr)s?-old\b|\b(\d{1,3})[- ]years?[- ]old (?=(?:fe)?male|man|woman|boy|girl|"
    r"patient|gentleman|lady|with\b)"
    r"|\b(?:patient|he|she|aged|age:?)(?: is)? (\d{1,3})(?: years? (?:old|of age))?\b(?! ?(?:mm|cm|weeks|months|days))"
    r"|\b(\d{1,3})[- ]?y/?o\b|\b(\d{1,3})[- ]?jährig\w*",
    re.IGNORECASE,
)
_SEX_WORDS = {
    "F": re.compile(r"\b(?:woman|female|lady|girl|patientin|frau|weiblich\w*|jährige patientin)\b", re.IGNORECASE),
    "M": re.compile(r"\b(?:man|male|gentleman|boy|männlich\w*|jähriger patient|herr)\b", re.IGNORECASE),
}
_PRONOUNS = {
    "F": re.compile(r"\b(?:she|her|hers|herself)\b", re.I),
    "M": re.compile(r"\b(?:he|his|him|himself)\b", re.I),
}
_TITLED = re.compile(
    r"\b(Mr|Mrs|Ms|Miss|Mister|Herrn?|Frau|[Pp]atient(?: name)?:|[Nn]ame:)\.? +((?:[A-ZÄÖÜ][\w'’-]+,? ?(?:\^)?){1,3})"
)
_TITLE_SEX = {"Mr": "M", "Mister": "M", "Herr": "M", "Herrn": "M", "Mrs": "F", "Ms": "F", "Miss": "F", "Frau": "F"}
_NUMBER = re.compile(
    r"\b(?:MRN|medical record(?: number| no\.?)?|patient (?:ID|number|no\.?)|hospital number|PID|"
    r"Patientennummer|Pat\.?-?Nr\.?)[:# ]*([A-Z]{0,4}[-]?\d[\w-]{2,})",
    re.I,
)


def sex(facts: Facts, text: Text) -> Iterator[Remark]:
    """An organ of the other sex. Not where it is on record, is another person's, or sex and identity differ."""
    if facts.sex not in _OTHER or _identity_differs(facts):
        return
    words = pattern("sex", _OTHER[facts.sex])
    for sentence in sentences(text):
        hidden = [hit.span() for hit in pattern("sex", "pseudo").finditer(sentence.text)]
        for hit in words.finditer(sentence.text):
            if any(start < hit.end() and hit.start() < end for start, end in hidden):
                continue
            if ANOTHER in kinds_at(sentence.text, *hit.span()) or _is_on_record(hit.group(), facts):
                continue
            person = "a man" if facts.sex == "M" else "a woman"
            message = f"“{hit.group()}” is reported of {person}."
            yield remark_on("sex", sentence, message, hit.span(), certainty=0.9)
            break


def _identity_differs(facts: Facts) -> bool:
    """Whether the gender identity on record is another than the sex: then organs do not follow from it."""
    identity = facts.gender_identity.strip().lower()
    return bool(identity) and _IDENTITIES.get(identity) != facts.sex


def _is_on_record(word: str, facts: Facts) -> bool:
    """Whether the organ is on record, by its first letters: *uterine* and *uterus*, *testicular* and *testis*."""
    word = word.lower()
    return any(organ[:4] == word[:4] or organ[:4] in word or word[:4] in organ for organ in facts.organs if organ)


def wrong_patient(facts: Facts, text: Text) -> Iterator[Remark]:
    """A name, number, age or word for the sex that is another's than the patient's."""
    for sentence in sentences(text):
        yield from _other_names(facts, sentence)
        yield from _other_numbers(facts, sentence)
        yield from _other_age(facts, sentence)
        yield from _other_sex(facts, sentence, getattr(text, sentence.section))


def _other_names(facts: Facts, sentence: Sentence) -> Iterator[Remark]:
    known = _letters(facts.patient_name)
    for hit in _TITLED.finditer(sentence.text):
        names = [part.strip(" ,") for part in re.split(r"[ ,^]+", hit.group(2)) if part.strip(" ,")]
        names = names[
            : next(
                (n for n, part in enumerate(names) if pattern("not_names", "words").fullmatch(part.removesuffix("'s"))),
                len(names),
            )
        ]
        if not names or not known:
            continue
        if not {_fold(name.removesuffix("'s").removesuffix("’s")) for name in names} & known:
            message = f"“{hit.group().strip()}” is not the name of this patient."
            yield remark_on("wrong patient", sentence, message, hit.span(), certainty=0.9)


def _other_numbers(facts: Facts, sentence: Sentence) -> Iterator[Remark]:
    for hit in _NUMBER.finditer(sentence.text):
        known = {number.lower().lstrip("0") for number in facts.patient_id.split()}
        if known and hit.group(1).lower().lstrip("0") not in known:
            yield remark_on(
                "wrong patient", sentence, "This is not the number of this patient.", hit.span(), certainty=0.95
            )


def _other_age(facts: Facts, sentence: Sentence) -> Iterator[Remark]:
    if facts.age is None:
        return
    for hit in _AGE.finditer(sentence.text):
        said_age = float(next(group for group in hit.groups() if group))
        if ANOTHER in kinds_at(sentence.text, *hit.span()) or re.match(
            r"[ -]*(?:fracture|infarct|study|ct|mri?|scar|injury)", sentence.text[hit.end() :], re.I
        ):
            continue
        # A birthday may lie between order and report.
        if abs(said_age - facts.age) >= 2:
            message = f"The patient is {facts.age:g} years old, and “{hit.group()}” is reported."
            yield remark_on("wrong patient", sentence, message, hit.span(), certainty=0.9)


def _other_sex(facts: Facts, sentence: Sentence, section: str) -> Iterator[Remark]:
    if facts.sex not in _OTHER or _identity_differs(facts):
        return
    other = _OTHER[facts.sex]
    titled = next((hit for hit in _TITLED.finditer(sentence.text) if _TITLE_SEX.get(hit.group(1)) == other), None)
    if titled and not facts.patient_name:
        message = f"“{titled.group(1)}” does not fit the sex of this patient."
        yield remark_on("wrong patient", sentence, message, titled.span(1), certainty=LIKELY)
        return
    for words, certainty in ((_SEX_WORDS[other], LIKELY), (_PRONOUNS[other], 0.75)):
        hit = words.search(sentence.text)
        if hit is None or ANOTHER in kinds_at(sentence.text, *hit.span()) or _is_of_others(section):
            continue
        # A single word such as “male” may be of a relative; beside an age or “patient” it is of this one.
        if words is _SEX_WORDS[other] and not (
            _AGE.search(sentence.text)
            or re.search(r"\b(?:this|patient|the)\b[^.]{0,12}$", sentence.text[: hit.start()], re.I)
            or re.match(r"\s+patient", sentence.text[hit.end() :], re.I)
        ):
            certainty = UNSURE
        message = f"“{hit.group()}” does not fit the sex of this patient."
        yield remark_on("wrong patient", sentence, message, hit.span(), certainty=certainty)
        return


def _is_of_others(text: str) -> bool:
    """Whether relatives or doctors are spoken of, whom a pronoun may mean."""
    return (
        pattern(ANOTHER, "before").search(text) is not None
        or re.search(r"\b(?:Dr|doctor|surgeon|physician|Prof|nurse|provider|clinician|referrer)\b", text, re.I)
        is not None
    )


def _letters(name: str) -> set[str]:
    return {_fold(part) for part in re.split(r"[\s,^.=]+", name) if len(part) > 1}


def _fold(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return "".join(letter for letter in plain if letter.isalnum())
