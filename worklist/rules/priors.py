"""Which earlier exams are worth having at hand. Pure; region, modality, side, age and what the last report cites.

Score: region exact 4, adjacent 2; modality same 3, comparable 2; side same +1, the other of a pair −3; all of it
halved every two years (four for mammography); cited as comparison in the last report +3. Taken: the six best
above a bar, always the latest of the same procedure, and the oldest mammogram as the baseline; ultrasound of more
than two years not. Six, since three found 79 % and six 90 % of what was wanted (``bench/priors.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

MOST = 6
BAR = 0.3
HALF_LIFE_YEARS, MAMMOGRAPHY_HALF_LIFE_YEARS, OLDEST_ULTRASOUND_YEARS = 2.0, 4.0, 2.0

_PAIRS = (
    ("HEAD", "NECK"),
    ("HEAD", "FACE"),
    ("HEAD", "ORBITS"),
    ("NECK", "CSPINE"),
    ("NECK", "CHEST"),
    ("CHEST", "ABDOMEN"),
    ("CHEST", "TSPINE"),
    ("CHEST", "BREAST"),
    ("CHEST", "HEART"),
    ("ABDOMEN", "PELVIS"),
    ("ABDOMEN", "LSPINE"),
    ("PELVIS", "LSPINE"),
    ("PELVIS", "HIP"),
    ("CSPINE", "TSPINE"),
    ("TSPINE", "LSPINE"),
    ("HIP", "FEMUR"),
    ("FEMUR", "KNEE"),
    ("KNEE", "TIBIA"),
    ("TIBIA", "ANKLE"),
    ("ANKLE", "FOOT"),
    ("SHOULDER", "HUMERUS"),
    ("HUMERUS", "ELBOW"),
    ("ELBOW", "FOREARM"),
    ("FOREARM", "WRIST"),
    ("WRIST", "HAND"),
)
ADJACENT = frozenset(_PAIRS) | frozenset((b, a) for a, b in _PAIRS)
"""Regions whose exams show part of each other."""

_COMPARABLE = (frozenset({"CT", "MR", "PT"}), frozenset({"CR", "DX", "XR", "RF"}), frozenset({"MG", "BT"}))
MAMMOGRAPHY = frozenset({"MG", "BT"})


@dataclass(frozen=True, slots=True)
class Exam:
    """An exam of the patient. ``side`` is L, R, B or empty."""

    id: int
    day: date
    modality: str
    region: str
    procedure: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior worth fetching, with its score and the names of the terms that chose it."""

    id: int
    score: float
    reasons: tuple[str, ...] = field(default=())


def relevance(new: Exam, old: Exam, cited: frozenset[int] = frozenset()) -> Prior:
    """How much an earlier exam helps in reading the new one."""
    score, reasons = 0.0, []
    if old.region and old.region == new.region:
        score, reasons = 4.0, ["same region"]
    elif (old.region, new.region) in ADJACENT:
        score, reasons = 2.0, ["adjacent region"]
    if not reasons:
        return _cited(old, 0.0, [], cited)
    if old.modality == new.modality:
        score += 3.0
        reasons.append("same modality")
    elif any({old.modality, new.modality} <= group for group in _COMPARABLE):
        score += 2.0
        reasons.append("comparable modality")
    if {old.side, new.side} == {"L", "R"}:
        score -= 3.0
        reasons.append("other side")
    elif old.side and old.side == new.side:
        score += 1.0
        reasons.append("same side")
    years = max((new.day - old.day).days, 0) / 365.25
    half = MAMMOGRAPHY_HALF_LIFE_YEARS if new.modality in MAMMOGRAPHY else HALF_LIFE_YEARS
    return _cited(old, score * 0.5 ** (years / half), reasons, cited)


def _cited(old: Exam, score: float, reasons: list[str], cited: frozenset[int]) -> Prior:
    if old.id in cited:
        return Prior(old.id, score + 3.0, (*reasons, "cited in the last report"))
    return Prior(old.id, score, tuple(reasons))


def relevant(
    new: Exam, earlier: Sequence[Exam], *, cited: frozenset[int] = frozenset(), most: int = MOST
) -> list[Prior]:
    """The priors to fetch, best first."""
    if most <= 0:
        return []
    fit = [old for old in earlier if old.id != new.id and not _too_old(new, old)]
    scored = sorted((relevance(new, old, cited) for old in fit), key=lambda prior: (-prior.score, prior.id))
    chosen = {prior.id: prior for prior in scored[:most] if prior.score >= BAR}
    must = {}
    same = [old for old in fit if new.procedure and old.procedure == new.procedure and _sides_fit(new, old)]
    if same:
        must[max(same, key=lambda old: (old.day, old.id)).id] = "latest of the same procedure"
    films = [old for old in fit if old.modality in MAMMOGRAPHY and new.modality in MAMMOGRAPHY]
    if films:
        must[min(films, key=lambda old: (old.day, old.id)).id] = "mammography baseline"
    for prior in scored:
        if prior.id in must:
            why = () if prior.id in chosen else (must[prior.id],)
            chosen[prior.id] = Prior(prior.id, prior.score, prior.reasons + why)
    return sorted(chosen.values(), key=lambda prior: (-prior.score, prior.id))


def _sides_fit(new: Exam, old: Exam) -> bool:
    return {old.side, new.side} != {"L", "R"}


def _too_old(new: Exam, old: Exam) -> bool:
    return old.modality == "US" and (new.day - old.day).days > OLDEST_ULTRASOUND_YEARS * 365.25
