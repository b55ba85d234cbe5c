"""Remarks: what a check has to say of a text, where, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

from .text import Sentence

BLOCK, WARN, HINT = "block", "warn", "hint"
SURE, LIKELY, UNSURE = 0.95, 0.85, 0.6
"""Certainty of a remark: by structure; by a narrow rule; by a rule that is often wrong."""


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
    check: str, sentence: Sentence, said: str, span: tuple[int, int] | None = None, *, certainty: float = LIKELY
) -> Remark:
    """A remark on words of a sentence. ``span`` counts in the sentence; None: the whole of it."""
    start, end = span or (0, len(sentence.text))
    return Remark(
        check,
        sentence.section,
        said,
        sentence.text[start:end],
        sentence.start + start,
        sentence.start + end,
        certainty,
        HINT if certainty < 0.7 else WARN,
    )
