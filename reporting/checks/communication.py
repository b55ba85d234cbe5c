"""Check of critical findings: one is reported, and nobody was told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .assertions import ANOTHER, HISTORICAL, NEGATED, clause_around, kinds_at
from .facts import Facts
from .lexicon import pattern
from .remarks import LIKELY, UNSURE, Remark, remark_on
from .text import Sentence, Text, sentences

_SMALL_SHIFT = re.compile(r"\b(?:[0-2](?:\.\d)?) ?mm\b")
_AFTER_TREATMENT = re.compile(
    r"\b(?:post[- ]?(?:operative|surgical|procedural|biopsy)|expected|known|follow[- ]?up of|history)\b", re.I
)


def critical_without_communication(facts: Facts, text: Text) -> Iterator[Remark]:
    """A critical finding that is new and there, and neither the record nor the text says who was told of it.

    Not what is denied, known, unchanged, old or another's; what is only possible is a hint.
    """
    if any(told.receiver for told in facts.communications) or _says_communication(text):
        return
    for section in ("impression", "findings"):
        for sentence in sentences(text, section):
            remark = _remark(sentence)
            if remark is not None:
                yield remark
                return


def _remark(sentence: Sentence) -> Remark | None:
    for hit in pattern("critical", "always").finditer(sentence.text):
        kinds = kinds_at(sentence.text, *hit.span())
        _, clause = clause_around(sentence.text, hit.start())
        if kinds & {NEGATED, HISTORICAL, ANOTHER}:
            continue
        if pattern("unchanged", "words").search(clause) or _AFTER_TREATMENT.search(clause):
            continue
        if _is_only_excluded(sentence.text):
            continue
        said = f"“{hit.group()}” is critical, and nobody is said to have been told."
        return remark_on(
            "critical without communication", sentence, said, hit.span(), certainty=UNSURE if kinds else LIKELY
        )
    return None


def _is_only_excluded(text: str) -> bool:
    """Whether the sentence is a recommendation or a question and no finding."""
    return (
        re.search(
            r"\b(?:recommend|if (?:there is )?clinical|to exclude|evaluate for|to rule out|should be considered|"
            r"concern persists|zum ausschluss)\w*",
            text,
            re.I,
        )
        is not None
    )


def _says_communication(text: Text) -> bool:
    """Whether the text says who was told. "Findings were not communicated" is none."""
    words = pattern("communication", "words")
    return any(
        words.search(sentence.text) and not re.search(
            r"\bnot (?:yet )?(?:been )?(?:communicated|discussed|notified|reached)\b|\bwill be\b|\bto be "
            r"(?:communicated|discussed)\b", sentence.text, re.I)
        for sentence in sentences(text)
    )  # fmt: skip
