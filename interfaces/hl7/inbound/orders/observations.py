"""OBX that come with an order: what was observed, and from it body weight and height (LOINC, SNOMED CT)."""

from __future__ import annotations

import re

from ris.orders.intents import Observation

from ..context import Incoming
from .groups import Request
from .procedure_segments import STUDY_UID_CODES

WEIGHT_CODES = frozenset({"29463-7", "3141-9", "3142-7", "8335-2", "8350-1", "27113001"})
HEIGHT_CODES = frozenset({"8302-2", "3137-7", "3138-5", "8301-4", "50373000"})
"""LOINC and SNOMED CT codes of body weight and body height."""
_WEIGHT_NAMES = frozenset({"WEIGHT", "BODY WEIGHT", "PATIENT WEIGHT", "WT"})
_HEIGHT_NAMES = frozenset({"HEIGHT", "BODY HEIGHT", "PATIENT HEIGHT", "HT"})
_KILOGRAMS = {"KG": 1.0, "G": 0.001, "LB": 0.45359237, "LBS": 0.45359237, "[LB_AV]": 0.45359237, "OZ": 0.028349523}
# Unit → how many of the unit that DICOM wants ((0010,1030) kg, (0010,1020) m).
_METRES = {"M": 1.0, "CM": 0.01, "MM": 0.001, "IN": 0.0254, "[IN_I]": 0.0254, "FT": 0.3048, "[FT_I]": 0.3048}
_MOST_KG, _MOST_M = 700.0, 3.0
"""No patient is heavier or taller: the unit must be wrong then."""


def read_observations(request: Request) -> list[Observation]:
    """Return the OBX that came with an order; Study UIDs and documents are no observations."""
    return [
        Observation(o.text(3)[:64], o.text(3, 2)[:120], o.text(3, 3)[:64], o.whole(5)[:2000], o.text(6)[:32])
        for o in request.observations
        if o.text(3) not in STUDY_UID_CODES and o.text(2) not in ("ED", "RP") and o.has(5)
    ]


def observation_text(observation: Observation) -> str:
    """Return an observation for a person, such as ``Body weight: 80 kg``."""
    return f"{observation.text or observation.code}: {observation.value} {observation.units}".strip()


def _quantity(
    observations: list[Observation],
    codes: frozenset[str],
    names: frozenset[str],
    units: dict[str, float],
    most: float,
    incoming: Incoming,
) -> float | None:
    """The body weight or height among observations in DICOM's unit; None without a unit that is known."""
    for observation in observations:
        if observation.code not in codes and not {observation.text.upper(), observation.code.upper()} & names:
            continue
        factor = units.get(observation.units.upper())
        number = re.fullmatch(r"\s*(\d{1,6}(?:[.,]\d{1,6})?)\s*", observation.value)
        value = float(number[1].replace(",", ".")) * factor if number and factor else 0.0
        if 0 < value <= most:
            return round(value, 4)
        incoming.warn("A body weight or height has no number or unit that is known; kept as text only.")
    return None


def body_weight_kg(observations: list[Observation], incoming: Incoming) -> float | None:
    """Return the body weight in kg ((0010,1030)); None without a number and a unit that is known."""
    return _quantity(observations, WEIGHT_CODES, _WEIGHT_NAMES, _KILOGRAMS, _MOST_KG, incoming)


def body_height_m(observations: list[Observation], incoming: Incoming) -> float | None:
    """Return the body height in m ((0010,1020)); None without a number and a unit that is known."""
    return _quantity(observations, HEIGHT_CODES, _HEIGHT_NAMES, _METRES, _MOST_M, incoming)
