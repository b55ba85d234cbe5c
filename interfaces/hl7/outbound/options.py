"""What can be set for a destination: which messages it wants, of what, and how; checked before it is kept."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from reporting.models import CRITICAL_LEVELS
from ris.audit.services import Actor, record
from ris.kernel.errors import Invalid, NotFound

from ..models import Destination
from .triggers import KINDS

LEVELS = tuple(level for level, _ in CRITICAL_LEVELS)
FILTERS = {
    "site": "codes of sites",
    "modality": "modalities; one procedure of the order has it",
    "critical": f"{', '.join(LEVELS)}: reports that have or had a critical finding of such a level, and nothing else",
}
"""Filter → its values. A destination gets what passes all that are set."""

OPTIONS: dict[str, tuple[str, Callable[[Any], bool], str]] = {
    "imaging_orders": ('"OMI"', lambda v: v == "OMI", "scheduled and updated procedures as OMI^O23 with IPC"),
    "addendum_status": (
        '"A", "F" or "C"',
        lambda v: v in ("A", "F", "C"),
        "OBR-25 of a report with addenda; unset: A",
    ),
    "addendum_text": (
        '"whole" or "only"',
        lambda v: v in ("whole", "only"),
        "what a report with addenda holds: the signed text and all addenda (unset: whole), or the addenda only",
    ),
    "sections": (
        '"loinc", "radiology" or "suffix"',
        lambda v: v in ("loinc", "radiology", "suffix"),
        "OBX-3 of a section: its LOINC code (unset; radiology: findings as 18782-3), or the code of the procedure with"
        " &GDT, &IMP, &REC, &ADT, &TCM",
    ),
    "lines": (
        '"line", "paragraph" or "section"',
        lambda v: v in ("line", "paragraph", "section"),
        "one OBX for each line of a section (TX, unset), for each paragraph, or for the section (FT, lines end in"
        " \\.br\\)",
    ),
    "reason": ("true", lambda v: isinstance(v, bool), "the reason for the exam before the text: OBX 18785-6"),
    "recommendations": (
        "true",
        lambda v: isinstance(v, bool),
        "what is recommended, a line each, after the impression: OBX 18783-1",
    ),
    "unencodable": (
        '"transliterate" or "escape"',
        lambda v: v in ("transliterate", "escape"),
        "signs that the character set lacks: in signs that it has (unset), or as \\X..\\ with UTF-8 bytes",
    ),
    "validation": (
        '"needed" or "strict"',
        lambda v: v in ("needed", "strict"),
        "held is what lacks a field that receivers need (unset), or what breaks any rule or length of its version",
    ),
    "pdf": ("true", lambda v: isinstance(v, bool), "the report as PDF too: OBX with value type ED, LOINC 18748-4"),
    "critical": (
        "false",
        lambda v: isinstance(v, bool),
        "leave the critical finding out: OBX-8 AA of the impression, OBX ACTIONABLE with RadLex code and text",
    ),
    "discrepancy": (
        "true",
        lambda v: isinstance(v, bool),
        "how far the signer agrees with the preliminary: OBX AGREEMENT, RADPEER 1, 2 or 3, and the note",
    ),
}
"""Option → (values, whether a value is one, what it does)."""


def check_destination_options(kinds: Sequence[str], filters: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raise Invalid at ``kinds``, ``filters`` or ``options`` for what nobody would ever look at."""
    for kind in kinds:
        _known(kind, KINDS, "kinds")
    for name, values in filters.items():
        _known(name, FILTERS, "filters")
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise Invalid(f"Give {name} a list of texts, as [“one”].", at="filters")
        if name == "critical" and not set(values) <= set(LEVELS):
            raise Invalid(f"Levels of critical are {', '.join(LEVELS)}.", at="filters")
    for name, value in options.items():
        _known(name, OPTIONS, "options")
        values, fits, _ = OPTIONS[name]
        if not fits(value):
            raise Invalid(f"{name} is {values}, or left out.", at="options")


@transaction.atomic
def change_destination_options(
    destination_id: int, *, kinds: Sequence[str], filters: Mapping[str, Any], options: Mapping[str, Any], actor: Actor,
    at: datetime,
) -> Destination:  # fmt: skip
    """Set which messages a destination wants, of what, and how: all at once or none. Audited with what it was before.

    Raises NotFound; Invalid as :func:`check_destination_options`. What is queued already goes as it was prepared.
    """
    check_destination_options(kinds, filters, options)
    destination = Destination.objects.select_for_update().filter(pk=destination_id).first()
    if destination is None:
        raise NotFound("There is no such destination.")
    before = {name: getattr(destination, name) for name in ("kinds", "filters", "options")}
    destination.kinds, destination.filters, destination.options = list(kinds), dict(filters), dict(options)
    destination.save(update_fields=list(before))
    record(actor, "destination.options", destination, at=at, before=before)
    return destination


def _known(name: str, table: Mapping[str, object], at: str) -> None:
    if name not in table:
        close = difflib.get_close_matches(name, table, n=1)
        cure = f"Did you mean “{close[0]}”?" if close else f"Known are {', '.join(table)}."
        raise Invalid(f"There is no “{name}”. {cure}", at=at)
