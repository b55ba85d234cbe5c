"""Reports: drafted, released, signed, added to, corrected. What was released is never changed."""

from .amending import add_addendum, correct
from .drafting import CRITICAL, MOST_CHARACTERS, save_draft
from .releasing import sign, sign_preliminary
from .report_facts import facts_of

__all__ = [
    "CRITICAL",
    "MOST_CHARACTERS",
    "add_addendum",
    "correct",
    "facts_of",
    "save_draft",
    "sign",
    "sign_preliminary",
]
