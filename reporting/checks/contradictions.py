"""Checks of contradictions: side ordered against side reported; findings against impression by side and by negation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .assertions import (
    ANOTHER,
    BOTH,
    HISTORICAL,
    LEFT,
    NEGATED,
    RIGHT,
    Mention,
    clause_around,
    kinds_at,
    mentions,
    side_hits,
    unlike,
)
from .facts import Facts
from .lexicon import names_in, pattern, terms
from .text import LIKELY, Remark, Sentence, Text, remark_on, sentences

_OTHER = {LEFT: RIGHT, RIGHT: LEFT}
_WORDS_AFTER = 40
"""Characters after a side in which its organ is looked for."""


def laterality(facts: Facts, text: Text) -> Iterator[Remark]:
    """A side is reported that was not ordered. Not where it is compared with, or is the half of another organ."""
    ordered = {"L": LEFT, "R": RIGHT}.get(facts.laterality)
    if ordered is None:
        return
    wrong = _OTHER[ordered]
    found: dict[str, list[Remark]] = {}
    for sentence in sentences(text, "technique", "findings", "impression"):
        for start, end in _wrong_sides(sentence, wrong, facts):
            message = f"The {ordered} side was ordered, and “{sentence.text[start:end]}” is reported."
            found.setdefault(sentence.section, []).append(
                remark_on("laterality", sentence, message, (start, end), certainty=LIKELY)
            )
    # Three of a section are enough to see that the side was mixed up.
    yield from (remark for remarks in found.values() for remark in remarks[:3])


def _wrong_sides(sentence: Sentence, wrong: str, facts: Facts) -> Iterator[tuple[int, int]]:
    """Where the side that was not ordered stands, and means the part that was examined."""
    hits = side_hits(sentence.text)
    for start, end, side in hits:
        clause = clause_around(sentence.text, start)[1]
        if side != wrong or pattern("comparison", "words").search(sentence.text):
            continue
        # A sentence about both sides may name either of them.
        if any(other == BOTH for _, _, other in hits):
            continue
        if {"historical", "another"} & kinds_at(sentence.text, start, end):
            continue
        after = sentence.text[end : end + _WORDS_AFTER]
        if _is_half_of_an_organ(after, clause, facts):
            continue
        if _is_elsewhere(after, clause, facts):
            continue
        yield start, end


def _is_half_of_an_organ(after: str, clause: str, facts: Facts) -> bool:
    """Whether "left" is of an upper lobe, a ventricle … and not of a limb that was ordered."""
    half = pattern("sides", "organ_halves").match(after.lstrip())
    return half is not None


def _is_elsewhere(after: str, clause: str, facts: Facts) -> bool:
    """Whether the side is of another part of the body than the one ordered."""
    ordered = _parts_of(facts.procedure)
    if not ordered:
        return False
    near = _first_anatomy(after) or names_in("anatomy", after) or names_in("anatomy", clause)
    # A joint or the pleura belongs to many parts of the body and does not decide alone.
    near = near - {"joint", "pleura"} if near & set(_part_names(ordered)) else near
    return bool(near) and not near & set(_part_names(ordered))


def _first_anatomy(after: str) -> frozenset[str]:
    """The organ that is named first after a side."""
    first = min(((hit.start(), name) for name, found in terms("anatomy") if (hit := found.search(after))), default=None)
    if first is None:
        return frozenset()
    return frozenset(
        name for name, found in terms("anatomy") if (hit := found.search(after)) and hit.start() == first[0]
    )


def _parts_of(procedure: str) -> frozenset[str]:
    """Parts of the body that a procedure's name has, by region or organ."""
    return names_in("regions", procedure) | names_in("anatomy", procedure)


def _part_names(parts: Iterable[str]) -> set[str]:
    """Organs that belong to these parts: those of the same name, in lower case, and what lies in a region."""
    return {part.lower() for part in parts} | {organ for part in parts for organ in _WITHIN.get(part.lower(), ())}


_WITHIN: dict[str, tuple[str, ...]] = {
    "knee": ("knee", "joint", "lower_leg", "femur"),
    "hip": ("hip", "joint", "femur"),
    "shoulder": ("shoulder", "joint", "clavicle"),
    "elbow": ("elbow", "joint"),
    "wrist": ("wrist", "joint", "hand"),
    "hand": ("hand", "joint", "wrist"),
    "ankle": ("ankle", "joint", "foot", "lower_leg"),
    "foot": ("foot", "joint", "ankle"),
    "breast": ("breast", "axilla"),
    "lower_leg": ("lower_leg", "ankle", "knee"),
    "femur": ("femur", "hip", "knee"),
}


def findings_vs_impression(facts: Facts, text: Text) -> Iterator[Remark]:
    """The impression has a finding on the side on which the findings have none, and they have it on the other."""
    described = [m for m in unlike(mentions(text, "findings")) if "negation" not in m.kinds]
    seen: set[tuple[str, str]] = set()
    for mention in unlike(mentions(text, "impression")):
        sides = mention.sides & {LEFT, RIGHT}
        if mention.kinds & {"negation", "historical", "another"} or len(mention.sides) != 1 or not sides:
            continue
        (side,) = sides
        alike = [m for m in described if m.concept == mention.concept and _fits(m, mention)]
        named = {s for m in alike for s in m.sides}
        if not named or side in named or BOTH in named or (mention.concept, side) in seen:
            continue
        if _is_said_of_both(text, mention, side):
            continue
        seen.add((mention.concept, side))
        span = (mention.start, mention.end)
        where = next((hit[:2] for hit in side_hits(mention.sentence.text) if hit[2] == side), span)
        message = f"The findings have this on the {_OTHER[side]} only; the impression says {side}."
        yield remark_on(
            "findings vs impression", mention.sentence, message, (min(where[0], span[0]), max(where[1], span[1]))
        )
    yield from _moved_organs(text, seen)


def _is_said_of_both(text: Text, mention: Mention, side: str) -> bool:
    """Whether a sentence without words for a finding has the same organ on the impression's side, and not as normal."""
    for sentence in sentences(text, "findings"):
        same_organ = mention.anatomy and names_in("anatomy", sentence.text) & mention.anatomy
        is_same_side = any(s in (side, BOTH) for _, _, s in side_hits(sentence.text))
        if same_organ and is_same_side and not _NORMAL.search(sentence.text):
            return True
    return False


_NORMAL = pattern("normal", "words")


def _fits(one: Mention, other: Mention) -> bool:
    """Whether two mentions may be of the same organ: they share one, or one of them names none."""
    return not one.anatomy or not other.anatomy or bool(one.anatomy & other.anatomy)


def _moved_organs(text: Text, seen: set[tuple[str, str]]) -> Iterator[Remark]:
    """An organ that the findings name on one side only, and the impression on the other, without a known finding."""
    described: dict[str, set[str]] = {}
    for sentence in sentences(text, "findings"):
        for organ in names_in("anatomy", sentence.text):
            described.setdefault(organ, set()).update(side for _, _, side in side_hits(sentence.text))
            if not side_hits(sentence.text):
                described[organ].add("unsided")
    if seen:
        return
    for sentence in sentences(text, "impression"):
        hits = side_hits(sentence.text)
        if len({side for _, _, side in hits}) != 1 or hits[0][2] == BOTH:
            continue
        start, end, side = hits[0]
        organs = _first_anatomy(sentence.text[end : end + _WORDS_AFTER])
        is_moved = organs and all(described.get(organ) == {_OTHER[side]} for organ in organs)
        # A possible finding is still on the wrong side; a denied or an old one says nothing.
        if is_moved and not kinds_at(sentence.text, start, end) - {"possible"}:
            message = f"The findings name this on the {_OTHER[side]} only; the impression says {side}."
            yield remark_on("findings vs impression", sentence, message, (start, end), certainty=0.8)


def negation_flip(facts: Facts, text: Text) -> Iterator[Remark]:
    """A finding that one section denies without narrowing it, and the other has. "No central … segmental" is none."""
    found = [m for m in unlike(mentions(text, "findings")) if not m.kinds & {HISTORICAL, ANOTHER}]
    seen: set[str] = set()
    for mention in unlike(mentions(text, "impression")):
        if mention.kinds & {HISTORICAL, ANOTHER, "possible"} or mention.concept in seen:
            continue
        alike = [m for m in found if m.concept == mention.concept and _same_place(m, mention)]
        if NEGATED in mention.kinds:
            has = [m for m in alike if m.affirmed and not pattern("unchanged", "words").search(m.clause)]
            denies = [m for m in alike if NEGATED in m.kinds and not m.qualifiers]
            if has and not denies and any(_covers(mention, m) for m in has):
                seen.add(mention.concept)
                message = "The impression denies what the findings describe."
                yield remark_on("negation flip", mention.sentence, message, (mention.start, mention.end))
        else:
            denies = [m for m in alike if NEGATED in m.kinds and _covers(m, mention)]
            has = [m for m in alike if NEGATED not in m.kinds]
            if denies and not has:
                seen.add(mention.concept)
                message = "The findings deny what the impression says."
                yield remark_on("negation flip", mention.sentence, message, (mention.start, mention.end))


def _same_place(one: Mention, other: Mention) -> bool:
    """The same organ and side, as far as both name one."""
    organs = not one.anatomy or not other.anatomy or bool(one.anatomy & other.anatomy)
    sides = not one.sides or not other.sides or bool(one.sides & other.sides) or BOTH in one.sides | other.sides
    return organs and sides


def _covers(denial: Mention, other: Mention) -> bool:
    """Whether what is denied is all of its kind, or of the kind of the other: each narrowing word is said there too."""
    words = {word.lower().strip(".,;:()") for word in other.sentence.text.split()}
    return all(word in words or word.rstrip("s") in words for word in denial.qualifiers)
