"""Which earlier exams are worth having at hand. Pure; region, modality, side, age and what the last report cites.

Score: region exact 4, adjacent 2; modality same 3, comparable 2; side same +1, the other of a pair −3; all of it
halved every two years (four for mammography); cited as comparison in the last report +3. Taken: what scores above a
bar, the best dozen at most; always the latest of the same procedure, the latest that shows the same region and side,
and the oldest mammogram as the baseline; ultrasound of more than two years not.

The bar decides, not a number: the best three found 79 % of what was wanted, the best six 88 % (``bench/priors.py``),
since one patient has two exams of a region and another has ten. A neighbouring region counts where the earlier exam
shows it: sections do, a film or ultrasound only round joints and along limbs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

MOST = 12
BAR = 0.3
HALF_LIFE_YEARS, MAMMOGRAPHY_HALF_LIFE_YEARS, OLDEST_ULTRASOUND_YEARS = 2.0, 4.0, 2.0

_SECTIONS = (
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
)
_FILMS = (
    ("CSPINE", "TSPINE"),
    ("TSPINE", "LSPINE"),
    ("PELVIS", "HIP"),
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


def _both_ways(pairs: tuple[tuple[str, str], ...]) -> frozenset[tuple[str, str]]:
    return frozenset(pairs) | frozenset((b, a) for a, b in pairs)


ADJACENT = _both_ways(_SECTIONS + _FILMS)
"""Regions whose exams show part of each other, in sections."""
ADJACENT_IN_FILMS = _both_ways(_FILMS)
"""Those that show part of each other in any exam."""

SECTIONAL = frozenset({"CT", "MR", "PT", "NM"})
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
    elif (old.region, new.region) in (ADJACENT if old.modality in SECTIONAL else ADJACENT_IN_FILMS):
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
    must = _always(new, fit)
    for prior in scored:
        if prior.id in must:
            why = () if prior.id in chosen else (must[prior.id],)
            chosen[prior.id] = Prior(prior.id, prior.score, prior.reasons + why)
    return sorted(chosen.values(), key=lambda prior: (-prior.score, prior.id))


def _always(new: Exam, fit: Sequence[Exam]) -> dict[int, str]:
    """Exams that are taken whatever their score, and why."""
    must = {}
    shown = [old for old in fit if _sides_fit(new, old)]
    region = [old for old in shown if new.region and old.region == new.region]
    if region:
        must[max(region, key=_when).id] = "latest of the same region"
    same = [old for old in shown if new.procedure and old.procedure == new.procedure]
    if same:
        must[max(same, key=_when).id] = "latest of the same procedure"
    films = [old for old in fit if old.modality in MAMMOGRAPHY and new.modality in MAMMOGRAPHY]
    if films:
        must[min(films, key=_when).id] = "mammography baseline"
    return must


def _when(exam: Exam) -> tuple[date, int]:
    return exam.day, exam.id


def _sides_fit(new: Exam, old: Exam) -> bool:
    return {old.side, new.side} != {"L", "R"}


def _too_old(new: Exam, old: Exam) -> bool:
    return old.modality == "US" and (new.day - old.day).days > OLDEST_ULTRASOUND_YEARS * 365.25
