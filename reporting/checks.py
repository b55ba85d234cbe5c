"""Checks that a report passes before it is signed. Pure; each can be overridden with a reason that is kept.

To add one: write a function from :class:`Text` to the sentences it has to say, and enter it in CHECKS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ris.kernel.errors import Invalid

SECTIONS = ("technique", "comparison", "findings", "impression")


@dataclass(frozen=True, slots=True)
class Text:
    """The sections of a report as they would be signed."""

    technique: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a check has to say: its name, the section it is about, a sentence for the reader."""

    check: str
    section: str
    sentence: str


# "[1.2 × 3 cm]" is a measurement and "[ ]" is not; "{side}" holds a single name.
_UNFILLED = re.compile(r"\[[ _.]*\]|\*{3}|\{[A-Za-z_ ]{1,40}\}|_{4,}")
_HEADER_ONLY = re.compile(r"(?:impression|conclusion|summary)?\s*:?", re.IGNORECASE)


def unfilled_field(text: Text) -> list[tuple[str, str]]:
    """A field of the template was left as it came."""
    found = []
    for section in SECTIONS:
        hit = _UNFILLED.search(getattr(text, section))
        if hit:
            found.append((section, f"The field “{hit.group()}” in {section} is not filled in."))
    return found


def impression_missing(text: Text) -> list[tuple[str, str]]:
    """Nothing, or only its heading, stands where the impression should."""
    if _HEADER_ONLY.fullmatch(text.impression.strip()):
        return [("impression", "There is no impression.")]
    return []


CHECKS: Mapping[str, Callable[[Text], list[tuple[str, str]]]] = {
    "unfilled field": unfilled_field,
    "impression missing": impression_missing,
}


def remarks(text: Text) -> list[Remark]:
    """What the checks have to say, in their order."""
    return [Remark(name, section, said) for name, check in CHECKS.items() for section, said in check(text)]


def refuse_unless_overridden(text: Text, overrides: Mapping[str, str]) -> dict[str, str]:
    """Raise Invalid for the first remark without an override; return the overrides that were needed.

    ``overrides``: name of a check → the reason why it does not count here.
    """
    needed: dict[str, str] = {}
    for remark in remarks(text):
        reason = overrides.get(remark.check, "").strip()
        if not reason:
            raise Invalid(remark.sentence, at=remark.section, code=f"check:{remark.check}")
        needed[remark.check] = reason
    return needed
