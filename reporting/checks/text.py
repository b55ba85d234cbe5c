"""Text of a report: its sections and sentences (one splitter for all checks), and remarks on them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

BLOCK, WARN, HINT = "block", "warn", "hint"
SURE, LIKELY, UNSURE = 0.95, 0.85, 0.6
"""Certainty of a remark: by structure; by a narrow rule; by a rule that is often wrong."""
SECTIONS = ("technique", "comparison", "findings", "impression")


@dataclass(frozen=True, slots=True)
class Text:
    """The sections of a report as they would be signed."""

    technique: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a section. ``start`` and ``end`` count characters of the section's text."""

    section: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends in the section, exclusive."""
        return self.start + len(self.text)


# fmt: off
_ABBREVIATIONS = frozenset([
    "dr", "mr", "mrs", "ms", "prof", "st", "vs", "approx", "ca", "e.g", "i.e", "fig", "cf", "inc", "lt", "rt", "no",
    "z.b", "d.h", "bzw", "re", "li", "bds", "z.n", "n", "v.a", "a", "i.v", "v", "o.b", "b", "nr", "evtl", "ggf", "usw",
    "u.a", "max", "min", "med", "lat", "ant", "post", "sog", "incl", "inkl", "resp", "wdh", "im", "se",
])
# fmt: on
"""Words whose full stop ends no sentence when more follows on the line."""
_END = re.compile(r"[.!?;]+(?=\s|$)")
_BULLET = re.compile(r"\s*(?:[-*•–]\s+|\(?\d{1,2}[.)]\s+|[a-h][.)]\s+)?")
_WORD_BEFORE = re.compile(r"[\w.äöüß]*$")
MOST_CHARACTERS = 20_000
"""Of a section whose sentences are looked at: some ten pages; each sentence costs about 0.2 ms."""
LONGEST = 1_000
"""Characters of a sentence; a longer line is cut, since the work grows with the square of it."""


@lru_cache(maxsize=256)
def sentences_of(section: str, text: str) -> tuple[Sentence, ...]:
    """The sentences of a section. A line ends one, unless the next goes on in lower case; bullets are left out."""
    return tuple(_split(section, text[:MOST_CHARACTERS]))


def _split(section: str, text: str) -> Iterator[Sentence]:
    for start, block in _blocks(text):
        begin = 0
        for hit in _END.finditer(block):
            if hit.group().startswith(";") or _ends_sentence(block, hit):
                yield from _sentence(section, block[begin : hit.end()], start + begin)
                begin = hit.end()
        yield from _sentence(section, block[begin:], start + begin)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Lines, joined where a sentence is wrapped: the line has no end, and the next begins in lower case."""
    start, block, position = 0, "", 0
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\r\n")
        is_open = bool(block.strip()) and block.rstrip()[-1:] not in ".!?;:" and len(block) + len(body) < LONGEST
        if is_open and body.lstrip()[:1].islower() and not re.match(r"\s*[a-h][.)]\s", body):
            # One character for each of the line end, so that spans stay right.
            block += " " * (position - start - len(block)) + body
        else:
            yield from _pieces(start, block)
            start, block = position, body
        position += len(line)
    yield from _pieces(start, block)


def _pieces(start: int, block: str) -> Iterator[tuple[int, str]]:
    """A block that is not blank, cut where it is too long."""
    if block.strip():
        for place in range(0, len(block), LONGEST):
            yield start + place, block[place : place + LONGEST]


def _ends_sentence(block: str, hit: re.Match[str]) -> bool:
    if "!" in hit.group() or "?" in hit.group():
        return True
    before = _WORD_BEFORE.search(block[max(0, hit.start() - 12) : hit.start()])
    word = before.group().lower() if before else ""
    rest = block[hit.end() :].lstrip()
    if not rest:
        return True
    if word in _ABBREVIATIONS and not (word == "no" and rest[0].isupper()):
        return False
    if word.isdigit() and not block[: hit.start()].strip().strip("0123456789"):
        return False  # the number of a list
    if word.isdigit() and re.match(r"(?:Januar|Februar|März|April|Mai|Juni|Juli|August|Sept|Okt|Nov|Dez)", rest):
        return False  # a German date
    return not rest[0].islower()


def _sentence(section: str, text: str, start: int) -> Iterator[Sentence]:
    stripped = text.strip()
    if not stripped:
        return
    offset = len(text) - len(text.lstrip())
    bullet = _BULLET.match(stripped)
    skip = bullet.end() if bullet and bullet.end() < len(stripped) else 0
    yield Sentence(section, stripped[skip:], start + offset + skip)


def sentences(text: Text, *sections: str) -> list[Sentence]:
    """The sentences of these sections, in the order of the report; of all where none is named."""
    names = sections or SECTIONS
    return [sentence for name in SECTIONS if name in names for sentence in sentences_of(name, getattr(text, name))]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a check has to say: its name, the section, a sentence for the reader, and the words that it is about.

    ``start`` and ``end`` count characters of the section's text; both 0 where it is about the whole section.
    ``certainty`` is from 0 to 1; below 0.7 the remark is a hint and wants no reason.
    """

    check: str
    section: str
    sentence: str
    quote: str = ""
    start: int = 0
    end: int = 0
    certainty: float = SURE
    level: str = WARN


def remark_on(
    check: str, sentence: Sentence, message: str, span: tuple[int, int] | None = None, *, certainty: float = LIKELY
) -> Remark:
    """A remark on words of a sentence. ``span`` counts in the sentence; None: the whole of it."""
    start, end = span or (0, len(sentence.text))
    return Remark(
        check,
        sentence.section,
        message,
        sentence.text[start:end],
        sentence.start + start,
        sentence.start + end,
        certainty,
        HINT if certainty < 0.7 else WARN,
    )
