"""What a sentence says of a finding: affirmed, negated, possible, historical, another person's (after ConText).

A trigger before the finding reaches forward, one after it reaches back, up to a word that ends its scope. Triggers that
only look like one (*no change*) are known too and hide what they hold. The words are data (``lexicon/*.toml``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .lexicon import entries, names_in, pattern, terms
from .text import Sentence, Text, sentences

NEGATED, POSSIBLE, HISTORICAL, ANOTHER = "negation", "possible", "historical", "another"
KINDS = (NEGATED, POSSIBLE, HISTORICAL, ANOTHER)
LEFT, RIGHT, BOTH = "left", "right", "both"

_COMMA_ENDS = re.compile(
    r",\s*(?:and\s+)?(?:there|small|large|mild|moderate|severe|tiny|new|stable|unchanged|left|right|status|"
    r"which|acute|multiple|es|kleine?r?|große?r?|geringe?r?|links|rechts)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger in a sentence: its kind, whether it reaches forward, and where it stands."""

    kind: str
    forward: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A finding in a sentence, with what is said of it. ``kinds`` is empty where it is affirmed."""

    concept: str
    sentence: Sentence
    start: int
    end: int
    kinds: frozenset[str]
    sides: frozenset[str]
    anatomy: frozenset[str]
    qualifiers: frozenset[str]
    """Words between a negation and the finding that narrow it: *displaced* of "no displaced fracture"."""

    @property
    def affirmed(self) -> bool:
        """Whether it is said to be there, now, in this patient."""
        return not self.kinds

    @property
    def span(self) -> tuple[int, int]:
        """Where it stands in its section."""
        return self.sentence.start + self.start, self.sentence.start + self.end

    @property
    def clause(self) -> str:
        """The words of its clause, for what else is said of it."""
        return clause_around(self.sentence.text, self.start)[1]


@lru_cache(maxsize=2048)
def triggers_in(text: str) -> tuple[Trigger, ...]:
    """The triggers of a sentence, by place; of two that overlap the longer one."""
    hits: list[tuple[int, int, str, bool]] = []
    for kind in KINDS:
        for direction, forward in (("before", True), ("after", False)):
            for hit in pattern(kind, direction).finditer(text):
                hits.append((hit.start(), hit.end(), kind, forward))
    hits += [(hit.start(), hit.end(), "", True) for hit in pattern(NEGATED, "pseudo").finditer(text)]
    # start - end is the negative length: longer ones first, then by place.
    hits.sort(key=lambda trigger: (trigger[0] - trigger[1], trigger[0]))
    taken: list[Trigger] = []
    for start, end, kind, forward in hits:
        same = [t for t in taken if start < t.end and t.start < end]
        # The same words may reach both ways ("absent"), so only another place or a hidden one is in the way.
        if any((t.start, t.end) != (start, end) or not t.kind for t in same):
            continue
        taken.append(Trigger(kind, forward, start, end))
    return tuple(sorted((t for t in taken if t.kind), key=lambda t: t.start))


def kinds_at(text: str, start: int, end: int) -> frozenset[str]:
    """What a sentence says of the words from ``start`` to ``end``."""
    return frozenset(t.kind for t in triggers_in(text) if _reaches(t, text, start, end))


def _reaches(trigger: Trigger, text: str, start: int, end: int) -> bool:
    if trigger.forward:
        return trigger.end <= start and not _is_cut(text, trigger, trigger.end, start)
    return end <= trigger.start and not _is_cut(text, trigger, end, trigger.start)


def _is_cut(text: str, trigger: Trigger, start: int, end: int) -> bool:
    """Whether a scope ends between the two places."""
    between = text[start:end]
    if pattern("stop", "words").search(between) or ":" in between or ";" in between:
        return True
    if trigger.kind == NEGATED:
        comma = _COMMA_ENDS.search(between + text[end : end + 24])
        is_list = re.search(r"\b(?:or|nor|oder|noch)\b", text[trigger.end :], re.IGNORECASE)
        if comma and comma.start() < len(between) and not is_list:
            return True
        return re.search(r"\band (?:there|a|an|small|large|mild|moderate|new)\b", between, re.IGNORECASE) is not None
    if trigger.kind in (HISTORICAL, POSSIBLE) and trigger.forward:
        # "Old fracture, new effusion": the word is of its own noun phrase.
        return "," in between or re.search(r"\b(?:and|with|und|mit)\b", between, re.IGNORECASE) is not None
    return False


def mentions(text: Text, *sections: str) -> list[Mention]:
    """All findings of the lexicon in these sections, with what is said of each."""
    return [mention for sentence in sentences(text, *sections) for mention in mentions_in(sentence)]


def unlike(mentions: list[Mention]) -> list[Mention]:
    """The first of those that say the same, so that a text of thousands of like sentences costs no more than a few."""
    first = {(m.concept, m.kinds, m.sides, m.anatomy, m.qualifiers): m for m in reversed(mentions)}
    return list(reversed(first.values()))


@lru_cache(maxsize=2048)
def mentions_in(sentence: Sentence) -> tuple[Mention, ...]:
    """The findings of one sentence, by place; of two that overlap the longer one."""
    hits = [
        (hit.start(), hit.end(), name) for name, words in terms("findings") for hit in words.finditer(sentence.text)
    ]
    # Longer ones first, so that “pleural effusion” hides “effusion”.
    hits.sort(key=lambda hit: (hit[0] - hit[1], hit[0]))
    taken: list[tuple[int, int, str]] = []
    for start, end, name in hits:
        if not any(start < other_end and other_start < end for other_start, other_end, _ in taken):
            taken.append((start, end, name))
    taken.sort()
    starts = [clause_around(sentence.text, start)[0] for start, _, _ in taken]
    return tuple(
        _mention(sentence, name, start, end, alone=starts.count(clause) == 1)
        for (start, end, name), clause in zip(taken, starts, strict=True)
    )


def _mention(sentence: Sentence, concept: str, start: int, end: int, *, alone: bool) -> Mention:
    """``alone``: no other finding is in its clause, so that what the clause says is said of it."""
    clause = clause_around(sentence.text, start)[1] if alone else ""
    phrase = phrase_around(sentence.text, start, end)
    return Mention(
        concept, sentence, start, end,
        kinds_at(sentence.text, start, end),
        sides_in(phrase) or sides_in(clause),
        names_in("anatomy", phrase) or names_in("anatomy", clause),
        _qualifiers(sentence.text, start),
    )  # fmt: skip


_CLAUSE_END = re.compile(
    r"[;:]|,\s+(?:but|and|with|no|while|whereas|aber|jedoch)\b|\b(?:but|however|whereas|while|aber|jedoch|"
    r"hingegen)\b",
    re.IGNORECASE,
)
_PHRASE_END = re.compile(
    r"[;:,]|\b(?:but|however|whereas|while|and|with|without|no|aber|jedoch|und|mit|ohne|kein\w*)\b", re.IGNORECASE
)


def clause_around(text: str, place: int) -> tuple[int, str]:
    """(start, words) of the clause at ``place``."""
    return _around(text, place, place, _CLAUSE_END)


def phrase_around(text: str, start: int, end: int) -> str:
    """The noun phrase and what belongs to it: up to a comma or a word that joins another."""
    return _around(text, start, end, _PHRASE_END)[1]


def _around(text: str, start: int, end: int, ends: re.Pattern[str]) -> tuple[int, str]:
    begin = max((hit.end() for hit in ends.finditer(text, 0, start)), default=0)
    stop = ends.search(text, end)
    return begin, text[begin : stop.start() if stop else len(text)]


def side_hits(text: str) -> list[tuple[int, int, str]]:
    """(start, end, side) of every word for a side; not "right-handed", "left in place" or "right and left".

    None of a sentence that says what was not examined.
    """
    if pattern("elsewhere", "not_examined").search(text):
        return []
    hidden = [hit.span() for hit in pattern("sides", "pseudo").finditer(text)]
    hits: list[tuple[int, int, str]] = []
    for side in (BOTH, LEFT, RIGHT):
        for hit in pattern("sides", side).finditer(text):
            if any(start < hit.end() and hit.start() < end for start, end in hidden):
                continue
            if any(start < hit.end() and hit.start() < end for start, end, _ in hits):
                continue
            hits.append((hit.start(), hit.end(), side))
    return sorted(hits)


@lru_cache(maxsize=4096)
def sides_in(text: str) -> frozenset[str]:
    """The sides that are named; both where it says *bilateral*."""
    return frozenset(side for _, _, side in side_hits(text))


_NEUTRAL = frozenset(entries("neutral", "words"))
"""Words between a negation and its finding that do not narrow it."""


def _qualifiers(text: str, start: int) -> frozenset[str]:
    """The narrowing words directly before a finding, back to its trigger, a comma or *or*."""
    forward = [t.end for t in triggers_in(text) if t.kind == NEGATED and t.forward and t.end <= start]
    begin = max(forward, default=0)
    words = re.split(r",|\b(?:or|and|nor|oder|und|noch)\b", text[begin:start], flags=re.IGNORECASE)[-1]
    for _, organ in terms("anatomy"):
        words = organ.sub(" ", words)
    return frozenset(word.lower() for word in re.findall(r"[^\W\d_][\w-]*", words)) - _NEUTRAL
