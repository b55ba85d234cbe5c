"""Turns an archive's description of a study into the region, side and modality that the rules of relevance use.

An archive knows no region and no code, only what somebody typed as a description; a table of words
turns that into the regions that the rules know.
"""

from __future__ import annotations

import re

from worklist.services.priors import Earlier

from ..scu.query_retrieve import FoundStudy

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
_NO_IMAGES = ("SR", "PR", "KO", "OT", "SC")


def find_region(description: str) -> str:
    """The body region of a study description, or empty."""
    # Archives write CT_HEAD and CT^HEAD; an underscore is a word character, which would hide the boundary.
    spoken = description.replace("_", " ").replace("^", " ")
    return next((region for region, words in _REGIONS.items() if words.search(spoken)), "")


def find_side(description: str) -> str:
    """L, R or empty, from the words of a description."""
    left, right = bool(_LEFT.search(description)), bool(_RIGHT.search(description))
    return "" if left == right else "L" if left else "R"


def describe_study(study: FoundStudy) -> Earlier:
    """The study as the worklist plans with it."""
    modality = next((m for m in study.modalities if m not in _NO_IMAGES), "")
    region = find_region(study.description) or ("BREAST" if modality == "MG" else "")
    return Earlier(study.uid, study.on, modality, region, find_side(study.description), study.description[:64])
