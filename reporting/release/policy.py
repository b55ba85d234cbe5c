"""The release policy: which rule decides when a patient sees a result. Pure functions of facts and rules.

Rules stand in an order; the first that fits decides. Where none fits, the patient sees nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

AT_ONCE, AFTER_HOURS, AFTER_SEEN, NEVER = "at once", "after hours", "after seen", "never"
THENS = {
    AT_ONCE: "at once",
    AFTER_HOURS: "after a number of hours",
    AFTER_SEEN: "after the referrer saw it, at the latest after a number of hours",
    NEVER: "never",
}
KINDS = {
    "": "Any report", "preliminary": "Preliminary report", "final": "Final report", "addendum": "Addendum",
    "corrected": "Correction",
}  # fmt: skip
"""Kinds of result, as the versions of a report."""
LEVELS = {
    "": "any finding", "none": "no critical finding", "yellow": "a yellow finding", "orange": "an orange finding",
    "red": "a red finding", "urgent": "a red or orange finding",
}  # fmt: skip
_FITTING = {"none": ("",), "urgent": ("red", "orange")}
MOST_HOURS = 24 * 90
MOST_RULES = 50


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """What a rule may ask of a result. ``age``: whole years; None: unknown, which fits no rule with an age."""

    kind: str
    modality: str = ""
    level: str = ""
    age: int | None = None
    site: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """One row of the policy: conditions (empty ones hold for all) and what then holds. ``site`` is a site's code."""

    then: str
    hours: int = 0
    kind: str = ""
    modality: str = ""
    level: str = ""
    age_from: int | None = None
    age_to: int | None = None
    site: str = ""

    def fits(self, facts: ResultFacts) -> bool:
        """Whether all conditions hold."""
        if self.kind not in ("", facts.kind) or self.site not in ("", facts.site):
            return False
        if self.modality and self.modality.upper() != facts.modality.upper():
            return False
        if self.level and facts.level not in _FITTING.get(self.level, (self.level,)):
            return False
        if self.age_from is None and self.age_to is None:
            return True
        return facts.age is not None and (self.age_from or 0) <= facts.age <= (self.age_to or 200)

    @property
    def sentence(self) -> str:
        """``Final report, CT, a red or orange finding, under 14 years: after the referrer saw it, at the …``."""
        parts = [KINDS[self.kind], self.modality.upper(), LEVELS[self.level] if self.level else "", _ages(self)]
        words = ", ".join(part for part in (*parts, f"site {self.site}" if self.site else "") if part)
        then = {AFTER_HOURS: f"after {self.hours} h",
                AFTER_SEEN: f"after the referrer saw it, at the latest after {self.hours} h"}  # fmt: skip
        return f"{words}: {then.get(self.then, self.then)}"

    def as_data(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def _ages(rule: ReleaseRule) -> str:
    if rule.age_from is None and rule.age_to is None:
        return ""
    if rule.age_to is None:
        return f"from {rule.age_from} years"
    return f"{rule.age_from or 0} to {rule.age_to} years"


DEFAULT_RULES = (
    ReleaseRule(NEVER, kind="preliminary"),
    ReleaseRule(AFTER_SEEN, hours=72, level="urgent"),
    ReleaseRule(AT_ONCE),
)
"""What holds until somebody saves a policy: at once, but whoever ordered hears first of what cannot wait."""


@dataclass(frozen=True, slots=True)
class ReleaseDecision:
    """What the policy says of one result. ``due_at``: when the patient sees it at the latest (UTC); None: never.

    ``waits_for_referrer``: or as soon as the referrer has opened it. ``because``: the rule that decided, as a sentence.
    """

    then: str
    due_at: datetime | None
    waits_for_referrer: bool
    because: str


def decide_release(rules: Sequence[ReleaseRule], facts: ResultFacts, *, at: datetime) -> ReleaseDecision:
    """What the first rule that fits says of a result that is signed at ``at`` (aware)."""
    rule = next((rule for rule in rules if rule.fits(facts)), None)
    if rule is None:
        return ReleaseDecision(NEVER, None, False, "No rule of the policy fits: never")
    waits = timedelta(hours=rule.hours) if rule.then in (AFTER_HOURS, AFTER_SEEN) else timedelta()
    due_at = None if rule.then == NEVER else at + waits
    return ReleaseDecision(rule.then, due_at, rule.then == AFTER_SEEN, rule.sentence)


def read_rules(rows: Iterable[dict[str, Any]]) -> list[ReleaseRule]:
    """Rules as they were stored; names that are unknown by now are left out."""
    known = ReleaseRule.__dataclass_fields__
    return [ReleaseRule(**{name: value for name, value in row.items() if name in known}) for row in rows]
