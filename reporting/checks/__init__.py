"""Checks that a report passes before it is signed: pure functions of facts and text, in one registry.

``text`` splits sections and sentences, ``assertions`` says what a sentence says of a finding, ``lexicon`` holds the
words (data, a file a language), ``facts`` what is known beside the text. To add a check: write a function
``(Facts, Text) → remarks`` and enter it in CHECKS; measure it with ``bench/quality_gates.py``.

A remark blocks or warns until a reason is given, which is kept; a hint is only shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path

from ris.kernel.errors import Invalid

from .cases import read_case
from .completeness import (
    critical_without_communication,
    dangling_field,
    impression_missing,
    missing_comparison,
    unfilled_field,
)
from .contradictions import findings_vs_impression, laterality, negation_flip
from .contrast import contrast, procedure
from .facts import Communication, Facts, PriorExam, side_of_procedure
from .measurements import units
from .patient import sex, wrong_patient
from .prior_dates import prior_date
from .text import HINT, SECTIONS, Remark, Text

CHECKS: Mapping[str, Callable[[Facts, Text], Iterable[Remark]]] = {
    "unfilled field": unfilled_field,
    "impression missing": impression_missing,
    "laterality": laterality,
    "findings vs impression": findings_vs_impression,
    "negation flip": negation_flip,
    "sex": sex,
    "critical without communication": critical_without_communication,
    "prior date": prior_date,
    "procedure": procedure,
    "contrast": contrast,
    "units": units,
    "dangling field": dangling_field,
    "wrong patient": wrong_patient,
    "missing comparison": missing_comparison,
}
"""Name of a check → its function, in the order in which remarks are shown."""


MOST_REMARKS = 20
"""Of one check: nobody reads more."""


def remarks(text: Text, facts: Facts | None = None) -> list[Remark]:
    """What the checks have to say, in their order. Without facts only the text itself is looked at."""
    known = facts or Facts()
    return [remark for check in CHECKS.values() for remark in islice(check(known, text), MOST_REMARKS)]


def remarks_to_answer(text: Text, facts: Facts | None = None) -> list[Remark]:
    """Those that want a reason before the report is signed: the first of each check. Hints want none."""
    return _to_answer(remarks(text, facts))


def _to_answer(listed: Iterable[Remark]) -> list[Remark]:
    # One reason for a check is enough: nobody writes the same sentence twice.
    return list(first_of_each(remark for remark in listed if remark.level != HINT).values())


def first_of_each(listed: Iterable[Remark]) -> dict[str, Remark]:
    """Name of a check → the first of the listed remarks that it made."""
    first: dict[str, Remark] = {}
    for remark in listed:
        first.setdefault(remark.check, remark)
    return first


class Unanswered(Invalid):
    """Checks want a reason that was not given. It speaks of the first; ``remarks`` has all of them, in their order.

    ``report_id``: the report of which they speak.
    """

    def __init__(self, remarks: Sequence[Remark], report_id: int) -> None:
        first = remarks[0]
        super().__init__(first.sentence, at=first.section, code=f"check:{first.check}")
        self.remarks = remarks
        self.report_id = report_id


def refuse_unless_overridden(
    listed: Iterable[Remark], overrides: Mapping[str, str], *, report_id: int
) -> dict[str, str]:
    """Raise Unanswered where one of the listed remarks has no override; return the overrides that were needed.

    ``overrides``: name of a check → the reason why it does not count here. ``report_id``: what Unanswered is to name.
    """
    to_answer = _to_answer(listed)
    reasons = {remark.check: overrides.get(remark.check, "").strip() for remark in to_answer}
    unanswered = [remark for remark in to_answer if not reasons[remark.check]]
    if unanswered:
        raise Unanswered(unanswered, report_id)
    return reasons


@cache
def rules_version() -> str:
    """Which rules these are: the first 12 characters of the SHA-256 of all their code and words.

    Nobody has to remember to raise it; two installations with the same have the same rules.
    """
    here = Path(__file__).parent
    files = sorted(path for path in here.rglob("*") if path.suffix in (".py", ".toml"))
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


__all__ = [
    "CHECKS",
    "SECTIONS",
    "Communication",
    "Facts",
    "PriorExam",
    "Remark",
    "Text",
    "Unanswered",
    "first_of_each",
    "read_case",
    "refuse_unless_overridden",
    "remarks",
    "remarks_to_answer",
    "rules_version",
    "side_of_procedure",
]
