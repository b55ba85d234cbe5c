"""Which of a patient's studies in an archive are worth moving: the worklist's rules, asked of what archives say.

An archive knows no region and no code, only what somebody typed as a description; a table of words
turns that into the regions that the rules know. A study that was ordered here is taken at its order's word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from worklist.rules.priors import MOST, Exam, Prior, relevant

from ..archives import FoundStudy

WORDS: dict[str, str] = {
    "ORBITS": r"orbits?",
    "FACE": r"face|facial|sinus(?:es)?|mandible",
    "HEAD": r"head|brain|skull|cranium|neuro|pituitary",
    "CSPINE": r"cervical|c[- ]?spine",
    "TSPINE": r"thoracic spine|t[- ]?spine|dorsal spine",
    "LSPINE": r"lumbar|lumbosacral|l[- ]?spine",
    "NECK": r"neck|thyroid|carotids?",
    "BREAST": r"breasts?|mammo\w*|tomosynthesis",
    "HEART": r"heart|cardiac|coronary|coronaries",
    "CHEST": r"chest|thorax|thoracic|lungs?|pulmonary|ribs?|sternum",
    "ABDOMEN": r"abdomen|abdominal|abd|liver|renal|kidneys?|pancreas|gallbladder|spleen",
    "PELVIS": r"pelvis|pelvic|uterus|ovar\w+|prostate|bladder|sacrum",
    "HIP": r"hips?",
    "FEMUR": r"femur|thigh",
    "KNEE": r"knees?|patella",
    "TIBIA": r"tibia|fibula|lower leg|calf",
    "ANKLE": r"ankles?",
    "FOOT": r"foot|feet|toes?|calcaneus|heel",
    "SHOULDER": r"shoulders?|clavicle|scapula",
    "HUMERUS": r"humerus|upper arm",
    "ELBOW": r"elbows?",
    "FOREARM": r"forearms?|radius|ulna",
    "WRIST": r"wrists?",
    "HAND": r"hands?|fingers?|thumbs?",
}
"""In this order: the first that is found names the region."""

_REGIONS = {region: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for region, words in WORDS.items()}
_LEFT = re.compile(r"\b(?:left|lt|l)\b", re.IGNORECASE)
_RIGHT = re.compile(r"\b(?:right|rt|r)\b", re.IGNORECASE)
LONG_AGO = date(1980, 1, 1)
"""The day of a study whose date cannot be read: it fades away."""


@dataclass(frozen=True, slots=True)
class Chosen:
    study: FoundStudy
    score: float
    why: tuple[str, ...]


def region_of(description: str) -> str:
    """The body region of a study description, or empty."""
    spoken = description.replace("_", " ").replace("^", " ")
    return next((region for region, words in _REGIONS.items() if words.search(spoken)), "")


def side_of(description: str) -> str:
    """L, R or empty, from the words of a description."""
    left, right = bool(_LEFT.search(description)), bool(_RIGHT.search(description))
    return "" if left == right else "L" if left else "R"


def exam_of(number: int, study: FoundStudy, known: dict[str, Exam]) -> Exam:
    """The study as the rules see it; ``known`` holds those ordered here, by Study Instance UID."""
    ours = known.get(study.uid)
    on = study.on or LONG_AGO
    if ours is not None:
        return Exam(number, on, ours.modality, ours.region, ours.procedure, ours.side)
    modality = next((m for m in study.modalities if m not in ("SR", "PR", "KO", "OT", "SC")), "")
    region = region_of(study.description) or ("BREAST" if modality == "MG" else "")
    return Exam(number, on, modality, region, side=side_of(study.description))


def choose(new: Exam, found: Sequence[FoundStudy], known: dict[str, Exam], *, most: int = MOST) -> list[Chosen]:
    """The studies to move, best first. ``new.id`` is negative, so that it is none of them."""
    priors: list[Prior] = relevant(new, [exam_of(n, study, known) for n, study in enumerate(found)], most=most)
    return [Chosen(found[prior.id], round(prior.score, 2), prior.reasons) for prior in priors]
