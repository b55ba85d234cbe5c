"""Checks of contrast: said against ordered, and said against given; and of the modality that was ordered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .assertions import kinds_at
from .facts import Facts
from .lexicon import names_in, pattern
from .text import Remark, Sentence, Text, remark_on, sentences

_PROCEDURE_WITHOUT = re.compile(r"\b(?:w/?o|without|non-?contrast|unenhanced|nativ|ohne)\b", re.IGNORECASE)
_PROCEDURE_WITH = re.compile(
    r"(?:\bw/(?!o)|\bwith\b|\bwith and without\b|\bmit\b|\bw contrast\b|\bCTA\b|\bangiogra\w+)", re.IGNORECASE
)
_MR_OR_CT = re.compile(r"\b(?:T1|T2|FLAIR|STIR|DWI|GRE)\b")


def procedure(facts: Facts, text: Text) -> Iterator[Remark]:
    """Contrast is described, and the order is without; or another modality or region than ordered.

    Not where a change of the protocol is said.
    """
    ordered = facts.contrast_ordered if facts.contrast_ordered is not None else contrast_of_procedure(facts.procedure)
    if ordered is False and not _is_change_said(text):
        hit = _first(text, _contrast_use)
        if hit is not None:
            sentence, span = hit
            certainty = 0.65 if facts.contrast_given else 0.9
            message = "Contrast is described, and the exam was ordered without."
            yield remark_on("procedure", sentence, message, span, certainty=certainty)
    yield from _other_exam(facts, text)


def contrast(facts: Facts, text: Text) -> Iterator[Remark]:
    """Contrast is said and was not given, or was given and is denied."""
    if facts.contrast_given is None:
        return
    if facts.contrast_given:
        hit, message = _first(text, _contrast_denial), "Contrast was given, and the report says that it was not."
        if hit is not None and _first(text, _contrast_use) is not None:
            hit = None  # without and with
    else:
        hit, message = _first(text, _contrast_use), "Contrast is described, and none was given."
    if hit is not None:
        yield remark_on("contrast", hit[0], message, hit[1], certainty=0.9)


def contrast_of_procedure(name: str) -> bool | None:
    """Whether a procedure is with contrast, by its name; None where it does not say."""
    if re.search(r"with(?:out)? and with(?:out)?|w/?wo\b|w & w", name, re.IGNORECASE):
        return True
    if _PROCEDURE_WITHOUT.search(name):
        return False
    return (
        True
        if _PROCEDURE_WITH.search(name) and re.search(r"contrast|kontrast|\bKM\b|w/|CTA|angio", name, re.I)
        else None
    )


def _first(text: Text, find: object) -> tuple[Sentence, tuple[int, int]] | None:
    for sentence in sentences(text, "technique", "findings", "impression"):
        span = find(sentence)  # type: ignore[operator]
        if span is not None:
            return sentence, span
    return None


def _contrast_use(sentence: Sentence) -> tuple[int, int] | None:
    """Where a sentence says that contrast was used: given, a phase, or something that enhances."""
    text = _without_others(sentence.text)
    if pattern("contrast", "both").search(text) and re.search(r"contrast|kontrast|\bKM\b|gadolinium", text, re.I):
        hit = pattern("contrast", "both").search(text)
        return hit.span() if hit else None
    denied = [hit.span() for hit in pattern("contrast", "none").finditer(text)]
    for hit in pattern("contrast", "given").finditer(text):
        inside = any(start < hit.end() and hit.start() < end for start, end in denied)
        if not inside and not pattern("contrast", "limits").search(text) and not _is_denied(text, hit.span()):
            return hit.span()
    if sentence.section in ("findings", "impression"):
        for hit in pattern("contrast", "enhancement").finditer(text):
            if not pattern("contrast", "limits").search(text):
                return hit.span()
    return None


def _is_denied(text: str, span: tuple[int, int]) -> bool:
    return "negation" in kinds_at(text, *span)


def _contrast_denial(sentence: Sentence) -> tuple[int, int] | None:
    """Where a sentence says that no contrast was used."""
    text = _without_others(sentence.text)
    if pattern("contrast", "both").search(text):
        return None
    hit = pattern("contrast", "none").search(text)
    return hit.span() if hit and not pattern("elsewhere", "compared").search(text) else None


def _without_others(text: str) -> str:
    """The sentence with oral, rectal and joint contrast blanked out: what is asked is intravenous contrast."""
    return pattern("contrast", "other").sub(lambda hit: " " * len(hit.group()), text)


def _is_change_said(text: Text) -> bool:
    return any(pattern("contrast", "change").search(sentence.text) for sentence in sentences(text))


# fmt: off
_SAME = {
    "CR": "XR", "DX": "XR", "DR": "XR", "RG": "XR", "MRI": "MR", "CTA": "CT", "MRA": "MR", "PET": "PT",
    "XRAY": "XR", "X-RAY": "XR",
}
# fmt: on
# fmt: off
_REGIONS_APART = frozenset([
    "HEAD", "CHEST", "BREAST", "KNEE", "HIP", "SHOULDER", "ELBOW", "WRIST", "HAND", "ANKLE", "FOOT", "SPINE",
])
# fmt: on


def _other_exam(facts: Facts, text: Text) -> Iterator[Remark]:
    """The technique names a modality or region, and none of those that were ordered."""
    told = sentences(text, "technique")
    if not told or _is_change_said(text):
        return
    first = told[0]
    if pattern("elsewhere", "compared").search(first.text):
        return
    modality = _SAME.get(facts.modality, facts.modality)
    by_name = names_in("modalities", facts.procedure)
    if not modality and len(by_name) == 1:
        (modality,) = by_name
    named = names_in("modalities", first.text)
    if (
        modality in ("CT", "MR", "US", "XR", "MG")
        and named
        and modality not in named
        and "PT" not in named
        and not (modality == "MR" and _MR_OR_CT.search(first.text))
    ):
        message = f"{facts.modality or modality} was ordered, and another modality is described."
        yield remark_on("procedure", first, message, certainty=0.8)
        return
    ordered, described = names_in("regions", facts.procedure), names_in("regions", first.text)
    if ordered and described and not ordered & described and ordered <= _REGIONS_APART and described <= _REGIONS_APART:
        yield remark_on("procedure", first, "Another part of the body was ordered than is described.", certainty=0.8)
