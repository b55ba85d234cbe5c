"""The catalog's procedure of a code that a sender gave, in whichever coding system (OBR-4, HL7 table 0396)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from ris.catalog.models import Procedure
from ris.catalog.selectors import procedures_matching

from .intents import Code
from .models import RequestedProcedure
from .prepared_queries import PROCEDURES_BY_COLUMN, PROCEDURES_BY_OWN_CODE

COLUMN_OF_SYSTEM = {
    "C4": "cpt", "C5": "cpt", "CPT": "cpt", "CPT4": "cpt", "HCPCS": "cpt", "HPC": "cpt", "HCPT": "cpt",
    "LN": "loinc", "LOINC": "loinc", "2.16.840.1.113883.6.1": "loinc", "2.16.840.1.113883.6.12": "cpt",
    "RPID": "radlex", "RADLEX": "radlex", "RDL": "radlex", "2.16.840.1.113883.6.256": "radlex",
}  # fmt: skip
"""Coding system as senders name it (table 0396, OIDs) → column of the catalog."""


def find_catalog_procedure(*codes: Code, laterality: str = "") -> Procedure | None:
    """The catalog's procedure of the first of these codes that it knows; None when it knows none.

    The system of a code (OBR-4.3, OBR-4.6) names the column in which it is looked up; without one, or where
    that column lacks it, the catalog's own codes (same system first), then every column. Case does not count.
    A code of a standard names no side: a procedure of one side is meant only where that side was said (``laterality``).
    """
    candidates = (_find_by_code(code, laterality) for code in codes if code.value)
    return next((procedure for procedure in candidates if procedure is not None), None)


def find_modality(*codes: Code) -> str:
    """The modality of the procedures that have the first of these codes in any column; empty when none has."""
    rows = (by_column.first(code.value) for code in codes if code.value for by_column in PROCEDURES_BY_COLUMN.values())
    return next((procedure.modality for procedure in rows if procedure is not None), "")


def _find_by_code(code: Code, laterality: str) -> Procedure | None:
    column = COLUMN_OF_SYSTEM.get(code.system.upper().replace("-", ""), "")
    if column and (procedure := _of_side(PROCEDURES_BY_COLUMN[column].all(code.value), laterality)):
        return procedure
    # The catalog's own codes have a side of their own, so they are not narrowed by the one that was said.
    if procedures := PROCEDURES_BY_OWN_CODE.all(code.value):
        same_system = (procedure for procedure in procedures if procedure.coding_system == code.system)
        return next(same_system, procedures[0])
    in_other_columns = (
        _of_side(rows.all(code.value), laterality) for name, rows in PROCEDURES_BY_COLUMN.items() if name != column
    )
    return next((procedure for procedure in in_other_columns if procedure), None)


def _of_side(procedures: list[Procedure], laterality: str) -> Procedure | None:
    """The procedure of that side, else one without a side."""
    ranked = sorted(procedures, key=lambda procedure: procedure.laterality != laterality)
    return next((p for p in ranked if p.laterality in ("", laterality)), None)


@dataclass(frozen=True, slots=True)
class ProcedureChoice:
    """A procedure that a search found. ``contrast``: what its name says of contrast, for the eye; empty: nothing."""

    procedure: Procedure
    contrast: str


MOST_CHOICES = 12
"""What fits on a screen; who wants another types another word."""
COUNTED = 2000
"""How many of the latest orders are counted: some weeks of a department, and little work at each key."""
WITHOUT = "without contrast"
_CONTRAST = re.compile(
    r"\b(with(?:out)?(?: (?:and|or) with(?:out)?)?|w/?o?|wo) (?:iv |i\.v\. )?contrast\b", re.IGNORECASE
)


def search_procedures(text: str) -> list[ProcedureChoice]:
    """The catalog's procedures for a person who types: exact code or name first, then what is ordered most.

    Of two that are ordered alike the one without contrast comes first: contrast is chosen, not taken by accident.
    """
    latest = RequestedProcedure.objects.order_by("-pk").values_list("procedure_id", flat=True)[:COUNTED]
    uses = Counter(latest)
    wanted = text.strip().casefold()

    def rank(procedure: Procedure) -> tuple[bool, int, bool, str, int]:
        names = {procedure.code.casefold(), procedure.cpt.casefold(), procedure.name.casefold()}
        contrast = _contrast(procedure) not in ("", WITHOUT)
        return wanted not in names, -uses[procedure.pk], contrast, procedure.name, procedure.pk

    procedures = sorted(procedures_matching(text).select_related("subspecialty"), key=rank)
    return [ProcedureChoice(procedure, _contrast(procedure)) for procedure in procedures[:MOST_CHOICES]]


def _contrast(procedure: Procedure) -> str:
    match = _CONTRAST.search(procedure.name)
    if match is None:
        return ""
    words = match.group(1).lower()
    if "and" in words or "or" in words.split():
        return "without and with contrast"
    # "w/o" and "wo" have an o that "w/" and "with" do not.
    return WITHOUT if words.endswith("out") or "o" in words.replace("with", "") else "with contrast"
