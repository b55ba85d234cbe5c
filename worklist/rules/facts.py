"""What is known of a case when the rules look at it, by the names that rules use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

PATIENT_CLASSES = {"E": "emergency", "I": "inpatient", "O": "outpatient", "P": "outpatient", "B": "inpatient"}
"""PV1-2 (HL7 table 0004) → the word used in rules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One field for each fact a rule can name. Unknown is None (or empty), and no condition holds for it."""

    site: str = ""
    modality: str = ""
    region: str = ""
    procedure: str = ""
    subspecialty: str = ""
    laterality: str = ""
    priority: str = "ROUTINE"
    patient_class: str = ""
    visit_state: str = ""
    age: int | None = None
    sex: str = ""
    referrer: str = ""
    source: str = ""
    reason: str = field(default="", metadata={"private": True})
    reading_minutes: float = 6.0
    hour: int | None = None
    weekday: str = ""
    patient_waiting: bool = False
    discharge_pending: bool = False
    ai_positive: bool = False
    ai_findings: tuple[str, ...] = ()
    prior_reader: bool = False
    covered: bool = True
    flags: tuple[str, ...] = ()

    def get(self, name: str) -> Any:
        """The fact of this name."""
        return getattr(self, name)

    def kept(self) -> dict[str, Any]:
        """What a decision record may keep: everything but free text about the patient, without the unknown."""
        return {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if not f.metadata.get("private") and getattr(self, f.name) not in ("", None, (), False)
        }


NAMES: Mapping[str, type] = {
    f.name: {"int | None": int, "float": float, "bool": bool, "tuple[str, ...]": tuple}.get(str(f.type), str)
    for f in fields(Facts)
}
"""Fact → kind of its value: str, int, float, bool, or tuple of str."""
