"""What people type into the search, read into terms; and the words by which a row is found. Pure functions.

Words are all wanted; ``"several words"`` stand side by side; ``OR`` between two wants one of them; ``-word`` must be
missing; ``word*`` is the beginning of a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ris.kernel.errors import Invalid

MOST_CHARACTERS = 300
MOST_TERMS = 16

_TOKEN = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or words that stand side by side (``phrase``); ``prefix``: it is the beginning of a word."""

    text: str
    phrase: bool = False
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """``wanted``: of each group one term at least; ``unwanted``: none of them."""

    wanted: tuple[tuple[Term, ...], ...] = ()
    unwanted: tuple[Term, ...] = ()


def parse_terms(text: str) -> Terms:
    """Read a search. Raises Invalid at ``q`` for one that is too long, or wants nothing to be there."""
    if len(text) > MOST_CHARACTERS:
        raise Invalid(f"A search has at most {MOST_CHARACTERS} characters. Ask for less.", at="q")
    groups: list[list[Term]] = []
    unwanted: list[Term] = []
    joins = False
    for minus, quoted, word in _TOKEN.findall(text.replace("\x00", " ")):
        if word in ("OR", "|") and not minus:
            joins = bool(groups)
            continue
        term = _term(quoted, word)
        if term is None:
            continue
        if minus:
            unwanted.append(term)
        elif joins:
            groups[-1].append(term)
        else:
            groups.append([term])
        joins = False
    if sum(map(len, groups)) + len(unwanted) > MOST_TERMS:
        raise Invalid(f"A search has at most {MOST_TERMS} words. Ask for less.", at="q")
    if not groups:
        raise Invalid("Say at least one word that the report must have.", at="q")
    return Terms(tuple(tuple(group) for group in groups), tuple(unwanted))


def _term(quoted: str, word: str) -> Term | None:
    text = " ".join((quoted or word).split())
    prefix = not quoted and text.endswith("*")
    text = text.rstrip("*") if prefix else text
    # What has neither letter nor digit is no word of any index.
    if not any(char.isalnum() for char in text):
        return None
    return Term(text, phrase=bool(quoted) and " " in text, prefix=prefix)


_GERMAN = frozenset({"und", "der", "die", "das", "kein", "keine", "mit", "ohne", "nicht", "im", "des", "nach", "bei"})
_ENGLISH = frozenset({"and", "the", "no", "with", "without", "of", "is", "are", "in", "not", "there", "to", "for"})


def language_of(text: str) -> str:
    """de or en, by the small words of a text; en where they do not tell."""
    words = re.findall(r"[a-zäöüß]+", text.lower())
    return "de" if sum(w in _GERMAN for w in words) > sum(w in _ENGLISH for w in words) else "en"


def tags_of(site_id: int, modality: str, author_id: int, month: str) -> str:
    """The words under which filters find a row; ``month`` as 202603."""
    modality = re.sub(r"\W", "", modality).lower()
    return f"xsite{site_id} xmod{modality} xauthor{author_id} xmonth{month}"
